"""Attention for residual networks that are not ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, nn

from foveate.attention import INITS, options_of
from foveate.attention.base import Attention
from foveate.errors import UsageError
from foveate.models.placement import AFTER_BLOCK, AFTER_CONV2, BEFORE_ADDITION, DEFAULT, REPLACE_CONV2, Placement

STAGES = ("layer1", "layer2", "layer3", "layer4")


def attach(
    model: nn.Module,
    attention: str,
    placement: str = DEFAULT,
    stages: Sequence[int] = (1, 2, 3, 4),
    init: str = "official",
    attention_options: Mapping[str, Any] | None = None,
    pixels: int = 224,
    generator: Generator | None = None,
) -> nn.Module:
    """Put attention blocks into somebody else's residual network, in place; returns the network.

    The network has torchvision's names: `layer1` to `layer4`, each an nn.Sequential of residual blocks that have
    `conv2` and end their branch in `bn2` or, if there is one, `bn3`, with no activation behind it. Layers that a
    block follows become an nn.Sequential of the layer and the block, so `layer1.0.bn2.weight` is
    `layer1.0.bn2.0.weight` afterwards: load weights first. Networks of one or three dimensions take the mechanisms
    that have `dims`. Tried on networks built as torchvision's and MONAI's ResNets; on others it is untried.

    Parameters are as in `create_model`. Raises UsageError where the network is built otherwise, and as
    `create_model` does; the network is then unchanged.
    """
    if init not in INITS:
        raise UsageError(f"attach knows no initialisation {init!r}: known are {', '.join(INITS)}.")
    layers = [_stage(model, name) for name in STAGES]
    options, dims = dict(attention_options or {}), _dims(layers[0][0])
    if dims != 2:
        if "dims" not in options_of(attention):
            raise UsageError(f"{attention} works on images of two dimensions only; this network has {dims}.")
        options.setdefault("dims", dims)
    places = Placement(attention, options, placement, stages, pixels)
    where = places.place.where
    changes: list[tuple[nn.Module, str, nn.Module]] = []  # all made first, so that an error leaves nothing half done
    with torch.random.fork_rng(devices=[]):
        for number, layer in enumerate(layers, start=1):
            for position, block in enumerate(layer):
                last = "bn3" if hasattr(block, "bn3") else "bn2"
                conv2, norm = _child(block, "conv2"), _child(block, last)
                at_conv2 = where in (AFTER_CONV2, REPLACE_CONV2)
                channels = int(conv2.out_channels if at_conv2 else norm.num_features)  # type: ignore[arg-type]
                stride = conv2.stride[0] if isinstance(conv2.stride, tuple) else 1
                made = places.in_block(number, position, channels, stride)
                if made is None:
                    continue
                if where == REPLACE_CONV2:
                    changes.append((block, "conv2", made))
                elif where == AFTER_BLOCK:
                    changes.append((layer, str(position), nn.Sequential(block, made)))
                else:
                    name = {AFTER_CONV2: "conv2", BEFORE_ADDITION: last}[where]
                    changes.append((block, name, nn.Sequential(_child(block, name), made)))
            channels = int(_child(layer[-1], "bn3" if hasattr(layer[-1], "bn3") else "bn2").num_features)  # type: ignore[arg-type]
            whole = places.stage(list(layer), number, channels)
            if hasattr(whole, "attention"):
                changes.append((model, STAGES[number - 1], whole))
        for _, _, module in changes:
            for block in (part for part in module.modules() if isinstance(part, Attention)):
                block.reset_parameters(generator)
                if init == "identity":
                    block.start_as_identity()
    example = next(model.parameters())
    for parent, name, module in changes:
        setattr(parent, name, module.to(example.device, example.dtype).train(model.training))
    return model


def _stage(model: nn.Module, name: str) -> nn.Sequential:
    stage = getattr(model, name, None)
    if not isinstance(stage, nn.Sequential) or len(stage) == 0:
        raise UsageError(
            f"attach needs a residual network with {', '.join(STAGES)}, each an nn.Sequential of residual blocks: "
            f"this {type(model).__name__} has no such {name}."
        )
    return stage


def _child(block: nn.Module, name: str) -> nn.Module:
    child = getattr(block, name, None)
    if not isinstance(child, nn.Module):
        raise UsageError(
            f"attach needs residual blocks with conv2 and bn2 or bn3: this {type(block).__name__} has no {name}."
        )
    return child


def _dims(block: nn.Module) -> int:
    """Spatial dimensions of a residual block's convolutions."""
    kernel: Any = getattr(_child(block, "conv2"), "kernel_size", None)
    if not isinstance(kernel, tuple):
        raise UsageError(f"attach needs conv2 to be a convolution, not {type(_child(block, 'conv2')).__name__}.")
    return len(kernel)
