"""What the attention blocks of a trained network compute for an image, ready to be drawn."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveate.attention.base import Attention
from foveate.explanation.attention_figures import Drawn
from foveate.explanation.cam.blocks import over_positions, with_positions
from foveate.models.resnet import ResNet


@torch.no_grad()
def attention_maps(network: ResNet, images: Tensor) -> dict[str, dict[str, Tensor]]:
    """Maps of every block by place and name (`Attention.attention`), for normalised images (N, channels, H, W).

    The network is put into evaluation mode and back.
    """
    found: dict[str, dict[str, Tensor]] = {}

    def note(place: str, block: nn.Module, given: tuple[Any, ...]) -> None:
        assert isinstance(block, Attention)
        found[place] = block.attention(given[0])

    blocks = network.attention_blocks()
    was_training = network.training
    network.eval()
    hooks = [block.register_forward_pre_hook(partial(note, place)) for place, block in blocks.items()]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    return found


def last_of_each_stage(network: ResNet) -> list[str]:
    """The place of the last attention block of every stage that has one."""
    by_stage = {place.partition(".")[0]: place for place in network.attention_blocks()}
    return [by_stage[stage] for stage in sorted(by_stage)]


def drawn(maps: dict[str, Tensor]) -> Drawn:
    """One block's maps as one picture an image: over positions where any of them varies there, else over channels.

    Over channels: the gates, and of several branches the last one's share.
    """
    plane = over_positions(maps)
    if plane is not None:
        return Drawn(" and ".join(with_positions(maps)).replace("_", " "), _array(plane), None)
    kind, gates = list(maps.items())[-1]
    return Drawn(kind.replace("_", " "), None, _array(gates.float().flatten(1)))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.cpu().numpy(), dtype=np.float32)
