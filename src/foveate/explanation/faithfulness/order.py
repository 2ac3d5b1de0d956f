"""The order in which pixels are taken: by their heat, ties by their place; and how many are taken at each step."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def ranks(heat: Tensor) -> Tensor:
    """The rank of every pixel: (N, H, W) heat -> (N, H, W) int64, 0 for the hottest.

    Equal heat goes by place, row by row. So a map that is zero almost everywhere still has as many pixels in its
    hottest fifth as any other, and a blank map gives the order of reading. Raises ValueError for a value that is not
    finite.
    """
    if not torch.isfinite(heat).all():
        raise ValueError("heat must be finite to be ranked")
    return _inverse(torch.argsort(heat.flatten(1), dim=1, descending=True, stable=True)).view(heat.shape)


def random_ranks(images: int, height: int, width: int, generator: Generator) -> Tensor:
    """(images, height, width) int64: an order of its own for every image, the control that knows nothing."""
    orders = [torch.randperm(height * width, generator=generator) for _ in range(images)]
    return torch.stack(orders).view(images, height, width)


def counts(pixels: int, steps: int) -> list[int]:
    """How many of `pixels` are taken at each of steps + 1 points, from none to all, as evenly as whole pixels allow.

    Raises ValueError for fewer than one step or more steps than pixels.
    """
    if not 1 <= steps <= pixels:
        raise ValueError(f"steps must be from 1 to the {pixels} pixels, not {steps}")
    return [(2 * step * pixels + steps) // (2 * steps) for step in range(steps + 1)]


def _inverse(order: Tensor) -> Tensor:
    """(N, P) permutations -> the permutations that undo them."""
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)
