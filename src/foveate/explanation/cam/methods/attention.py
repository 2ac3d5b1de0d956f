"""What the attention blocks themselves compute, as a heat-map."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.explanation.cam.blocks import map_over_positions
from foveate.explanation.cam.taps import STAGES, Weights
from foveate.explanation.heatmaps import POOLING
from foveate.models.resnet import ResNet

# What is taken where no other tap is named.
ATTENTION_BLOCK = "last attention block with a map over positions, before the last stage if there is one"


def attention(network: ResNet, images: Tensor, weights: Weights, tap: str) -> tuple[Tensor, Tensor]:
    """The map over positions of one attention block, as the block computes it; of no class. One forward pass.

    The values are the block's own (`blocks.map_over_positions`), neither stretched nor shifted: a gate that hardly
    varies gives an almost even map.

    The tap names the block, or the stage or residual block whose last block with such a map is taken. At the pooling
    it is the last one before the last stage, so that the map is finer than the last feature map; or that of the last
    stage where no other has one. `images`: (N, channels, H, W). Returns raw maps (N, h, w) and logits (N, classes).
    Raises UsageError where no block with a map over positions stands there.
    """
    blocks = network.attention_blocks()
    if not blocks:
        raise UsageError(
            "this network has no attention blocks, so there is no attention to map: take another heat-map method."
        )
    inside = [place for place in blocks if tap == POOLING or f"{place}.".startswith(f"{tap}.")]
    order = inside[::-1]
    if tap == POOLING:
        order.sort(key=lambda place: place.startswith(STAGES[-1]))  # stable: the last stage's come behind
    inputs: dict[str, Tensor] = {}

    def note(place: str, block: nn.Module, given: tuple[Any, ...]) -> None:
        inputs[place] = given[0]

    hooks = [blocks[place].register_forward_pre_hook(partial(note, place)) for place in order]
    try:
        with torch.no_grad():
            logits = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    for place in order:
        raw = map_over_positions(blocks[place], inputs[place])
        if raw is not None:
            return raw, logits
    where = "in this network" if tap == POOLING else f"at {tap}"
    raise UsageError(
        f"there is no attention map over positions {where}: its blocks weight channels alone."
        if order
        else f"there is no attention block {where}: they stand at {', '.join(blocks)}."
    )
