"""Augmentation as functions over a whole batch; the paper names none, so none is the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SHIFT = 1 / 16  # largest shift, as a share of the side


def flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror each of (N, C, H, W) left to right with probability one half."""
    mirrored = torch.rand(len(images), generator=generator).lt(0.5).to(images.device)
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def shift(images: Tensor, generator: Generator) -> Tensor:
    """Move each of (N, C, H, W) by up to a sixteenth of its side in each direction; edges are mirrored in."""
    side = images.shape[-1]
    margin = max(1, round(side * SHIFT))
    padded = F.pad(images, (margin,) * 4, mode="reflect")
    moves = torch.randint(0, 2 * margin + 1, (2, len(images), 1), generator=generator).to(images.device)
    rows, columns = moves + torch.arange(side, device=images.device)  # (N, side) each
    one = torch.arange(len(images), device=images.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[one, rows[:, :, None], columns[:, None, :]]  # (N, side, side, C)
    return moved.permute(0, 3, 1, 2)


AUGMENTATIONS: dict[str, Callable[[Tensor, Generator], Tensor]] = {"flip": flip, "shift": shift}


def augment(images: Tensor, names: Sequence[str], generator: Generator) -> Tensor:
    """Apply the named augmentations in order. The generator lives on the CPU, whatever the images' device."""
    for name in names:
        images = AUGMENTATIONS[name](images, generator)
    return images
