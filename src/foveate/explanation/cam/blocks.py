"""The maps that an attention block computes, as one map over positions."""

from __future__ import annotations

import itertools
from typing import Protocol, cast

import torch
from torch import Tensor

from foveate.attention.base import Attention

CHANNEL_ONLY = ("channel", "dilation_1", "dilation_2", "dilation_3", "dilation_4")
AFFINITY = "affinity"  # the one map that is of query positions
QUERIES = 256  # whose affinities are held at once: bounds the memory


class _WithQueries(Protocol):
    def attention(self, x: Tensor, queries: list[tuple[int, int]]) -> dict[str, Tensor]: ...


@torch.no_grad()
def map_over_positions(block: Attention, x: Tensor) -> Tensor | None:
    """One block's map for its input (N, C, H, W): (N, h, w) float32, or None where it weights channels alone.

    Of gates, see `over_positions`. Of an affinity, the mean over all query positions: how much each position is
    attended to.
    """
    maps = block.attention(x)
    if AFFINITY not in maps:
        return over_positions(maps)
    with_queries = cast(_WithQueries, block)
    positions = list(itertools.product(range(x.shape[2]), range(x.shape[3])))
    total = torch.zeros_like(maps[AFFINITY][:, 0], dtype=torch.float32)
    for start in range(0, len(positions), QUERIES):
        total += with_queries.attention(x, positions[start : start + QUERIES])[AFFINITY].sum(1)
    return total / len(positions)


def over_positions(maps: dict[str, Tensor]) -> Tensor | None:
    """A block's maps as one, (N, h, w) float32; None where all of them weight channels alone.

    It is the mean over channels (or queries) of each map that has positions, and the mean of those (coordinate and
    triplet attention have several).
    """
    planes = [value.float().mean(1) for value in with_positions(maps).values()]  # (N, h or 1, w or 1)
    if not planes:
        return None
    height, width = (max(plane.shape[axis] for plane in planes) for axis in (1, 2))
    return torch.stack([plane.expand(-1, height, width) for plane in planes]).mean(0)


def with_positions(maps: dict[str, Tensor]) -> dict[str, Tensor]:
    """The maps that say something about places in the image."""
    return {kind: value for kind, value in maps.items() if kind not in CHANNEL_ONLY}
