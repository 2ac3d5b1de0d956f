"""The attention mechanisms by name. Names are known without torch; a mechanism is imported when it is made."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from foveate.config import nearest
from foveate.errors import UsageError

if TYPE_CHECKING:
    from foveate.attention.base import Attention

# name -> (module in this package, class)
MECHANISMS = {
    "cbam": ("cbam", "CBAM"),
    "gc": ("gc", "GlobalContext"),
    "se": ("se", "SqueezeExcitation"),
    "triplet": ("triplet", "Triplet"),
}


def list_attention() -> list[str]:
    """The names of all mechanisms, sorted."""
    return sorted(MECHANISMS)


def create_attention(name: str, channels: int, **options: Any) -> Attention:
    """A block of a mechanism, initialised as its authors do: (N, channels, H, W) -> the same shape.

    Raises UsageError for an unknown mechanism or option, naming the nearest right one.
    """
    if name not in MECHANISMS:
        hint = nearest(name, list_attention())
        did_you_mean = f" (did you mean {hint}?)" if hint else ""
        raise UsageError(f"there is no attention {name!r}{did_you_mean}: known are {', '.join(list_attention())}.")
    module, class_name = MECHANISMS[name]
    mechanism: type[Attention] = getattr(importlib.import_module(f"foveate.attention.{module}"), class_name)
    known = [option for option in inspect.signature(mechanism).parameters if option != "channels"]
    for option in options:
        if option not in known:
            raise UsageError(f"{name} has no option {option!r}: its options are {', '.join(known)}.")
    try:
        block = mechanism(channels, **options)
    except TypeError as error:  # an option of a wrong type, such as a word for a number
        raise UsageError(f"{name}: an option is of the wrong type ({error}).") from error
    block.reset_parameters()
    return block
