"""Query positions: the places in a feature map whose affinities are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foveate.errors import UsageError


def central(x: Tensor) -> list[tuple[int, int]]:
    """The middle of a feature map (N, C, H, W) as a list of one (row, column)."""
    return [(x.shape[2] // 2, x.shape[3] // 2)]


def at_queries(positions: Tensor, size: Sequence[int], queries: Sequence[tuple[int, int]]) -> Tensor:
    """The rows of positions (..., H * W, c) at queries (row, column): (..., Q, c).

    Raises UsageError for a query outside the map of height and width `size`.
    """
    height, width = size
    for row, column in queries:
        if not (0 <= row < height and 0 <= column < width):
            raise UsageError(f"the query ({row}, {column}) lies outside the feature map of {height} x {width}.")
    flat = torch.tensor([row * width + column for row, column in queries], device=positions.device)
    return positions.index_select(-2, flat)
