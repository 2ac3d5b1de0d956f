"""Weights of others: whole networks under torchvision's key names and attention under its authors'."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from foveate.errors import UsageError
from foveate.models.resnet import ResNet

PREFIXES = ("module.", "backbone.")  # of DataParallel, and of detectors built around a backbone


def fit_weights(model: ResNet, state: Mapping[str, Tensor], source: str = "the state dict") -> None:
    """Load a state dict into a ResNet of ours.

    The backbone's keys are torchvision's. Attention stands under our own key names, or its authors': inside a
    residual block as `layerI.J.<any name>.<key>`, such as `layer1.0.cbam.ChannelGate.mlp.1.weight`, and between
    stages as BAM's `bamI.<key>`; or it is missing altogether, and the blocks stay as they are. A head that is missing
    or for other classes is left out. Raises UsageError that names the first keys that do not fit, and changes nothing
    then.
    """
    own, blocks = model.state_dict(), model.attention_blocks()
    state = {_bare(key): value for key, value in state.items()}
    inside = {key for place in blocks for key in own if key.startswith(f"{place}.")}
    backbone = own.keys() - inside
    loaded = {key: value for key, value in state.items() if key in own}
    loaded = {key: value for key, value in loaded.items() if not _other_head(key, value, own)}
    strange = {key: value for key, value in state.items() if key not in own}

    # The authors' keys, block by block; a copy of each block's own state is put back if a later one does not fit.
    before = {key: own[key].clone() for key in inside}
    try:
        if strange:
            for place, block in blocks.items():
                block.load_official(_of_block(place, strange))
        _check(loaded, backbone, inside, own, strange, source)
    except UsageError as error:
        model.load_state_dict(before, strict=False)
        if str(error).startswith(source):
            raise
        raise UsageError(f"{source}: {error}") from error
    model.load_state_dict(loaded, strict=False)


def _check(
    loaded: Mapping[str, Tensor],
    backbone: set[str],
    inside: set[str],
    own: Mapping[str, Tensor],
    strange: dict[str, Tensor],
    source: str,
) -> None:
    """Raise UsageError unless the backbone is whole, all shapes fit and no key is left over."""
    wrong = [f"{key} is unknown" for key in strange]
    wrong += [
        f"{key} is {tuple(value.shape)}, not {tuple(own[key].shape)}"
        for key, value in loaded.items()
        if value.shape != own[key].shape
    ]
    needed = backbone | (inside if inside & loaded.keys() else set())
    optional = ("fc.weight", "fc.bias")
    wrong += [
        f"{key} is missing"
        for key in sorted(needed - loaded.keys())
        if key not in optional and not key.endswith("num_batches_tracked")
    ]
    if wrong:
        raise UsageError(f"{source} does not hold weights of this network: {'; '.join(wrong[:3])}.")


def _of_block(place: str, strange: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take the weights of the block at `place` out of keys that are not the backbone's."""
    parent = place.rpartition(".")[0]
    start = f"{parent}." if "." in parent else f"bam{parent.removeprefix('layer')}."
    found = {key.removeprefix(start): strange.pop(key) for key in list(strange) if key.startswith(start)}
    if "." in parent and len({key.partition(".")[0] for key in found}) == 1:  # the attribute's name
        found = {key.partition(".")[2]: value for key, value in found.items()}
    return found


def _bare(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key


def _other_head(key: str, value: Tensor, own: Mapping[str, Tensor]) -> bool:
    return key in ("fc.weight", "fc.bias") and value.shape != own[key].shape
