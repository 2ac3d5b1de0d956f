"""The attention mechanisms by name. Names are known without torch; a mechanism is imported when it is made."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from foveate.config import did_you_mean
from foveate.errors import UsageError

if TYPE_CHECKING:
    from foveate.attention.base import Attention

# name -> (module in this package, class); of a plugin's mechanism, the class itself
MECHANISMS: dict[str, tuple[str, str] | type[Attention]] = {
    "bam": ("bam", "BAM"),
    "botnet": ("botnet", "BottleneckSelfAttention"),
    "cbam": ("cbam", "CBAM"),
    "coordinate": ("coordinate", "Coordinate"),
    "criss_cross": ("criss_cross", "CrissCross"),
    "eca": ("eca", "EfficientChannel"),
    "gather_excite": ("gather_excite", "GatherExcite"),
    "gc": ("gc", "GlobalContext"),
    "non_local": ("non_local", "NonLocal"),
    "ran": ("ran", "ResidualAttention"),
    "se": ("se", "SqueezeExcitation"),
    "selective_kernel": ("selective_kernel", "SelectiveKernel"),
    "simam": ("simam", "SimAM"),
    "srm": ("srm", "StyleRecalibration"),
    "triplet": ("triplet", "Triplet"),
}

INITS = ("official", "identity")


def list_attention() -> list[str]:
    """The names of all mechanisms, sorted."""
    return sorted(MECHANISMS)


def mechanism_of(name: str) -> type[Attention]:
    """The class of a mechanism. Raises UsageError for an unknown one, naming the nearest."""
    if name not in MECHANISMS:
        meant = did_you_mean(name, list_attention())
        known = ", ".join(list_attention())
        raise UsageError(f"there is no attention {name!r}{meant}: known are {known}; --plugin adds your own.")
    entry = MECHANISMS[name]
    if not isinstance(entry, tuple):
        return entry
    mechanism: type[Attention] = getattr(importlib.import_module(f"foveate.attention.{entry[0]}"), entry[1])
    return mechanism


def options_of(name: str) -> list[str]:
    """The names of a mechanism's options."""
    parameters = inspect.signature(mechanism_of(name)).parameters
    return [option for option in parameters if option != "channels"]


def create_attention(name: str, channels: int, init: str = "official", **options: Any) -> Attention:
    """A block of a mechanism: (N, channels, H, W) -> the same shape.

    `init` is "official", as its authors initialise it, or "identity" (Attention.start_as_identity). Raises
    UsageError for an unknown mechanism or option, naming the nearest right one.
    """
    mechanism, known = mechanism_of(name), options_of(name)
    if init not in INITS:
        raise UsageError(f"an attention block has no initialisation {init!r}: known are {', '.join(INITS)}.")
    for option in options:
        if option not in known:
            meant = did_you_mean(option, known)
            options_known = f"its options are {', '.join(known)}" if known else "it has none"
            raise UsageError(f"{name} has no option {option!r}{meant}: {options_known}.")
    try:
        block = mechanism(channels, **options)
    except TypeError as error:  # an option of a wrong type, such as a word for a number
        raise UsageError(f"{name}: an option is of the wrong type ({error}).") from error
    block.reset_parameters()
    if init == "identity":
        block.start_as_identity()
    return block
