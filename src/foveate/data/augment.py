"""Augmentation as functions over a whole batch; the paper names none, so none is the default.

`flip`, `vertical_flip` and `shift` move whole pixels and change none. Rotation, scale and translation (a random crop)
are drawn together and applied by one bilinear resampling. What comes in from beyond an edge repeats the pixel at the
edge: it continues the background, black or not, whereas zeros would draw a border that tells the angle, and a mirror
image would show a lesion twice. Brightness and contrast are shares of a pixel's value, so they need pixels as the file
has them, 0..255: augmentation comes before normalisation, where grey is one channel still and costs a third.

The generator lives on the CPU, whatever the images' device, and decides everything that is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import overload

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SHIFT = 1 / 16  # largest shift, as a share of the side
# The largest change either way: degrees; share of the size; shares of the side, to the right and down.
WARPS = {"rotation": (15.0,), "scale": (0.1,), "translation": (0.05, 0.05)}
TONES = {"brightness": (0.1,), "contrast": (0.1,)}  # shares of a pixel's value, and of its distance from the mean


def flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror each of (N, C, H, W) left to right with probability one half."""
    return _mirror(images, 3, generator)


def vertical_flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror each of (N, C, H, W) top to bottom with probability one half."""
    return _mirror(images, 2, generator)


def _mirror(images: Tensor, axis: int, generator: Generator) -> Tensor:
    mirrored = _half(len(images), generator).to(images.device)
    return torch.where(mirrored[:, None, None, None], images.flip(axis), images)


def _half(count: int, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator).lt(0.5)


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


MOVES: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "flip": flip,
    "vertical_flip": vertical_flip,
    "shift": shift,
}
MIRRORS = {"flip": 0, "vertical_flip": 1}  # which coordinate changes its sign


@overload
def augment(images: Tensor, generator: Generator, names: Sequence[str], masks: None = None) -> Tensor: ...


@overload
def augment(images: Tensor, generator: Generator, names: Sequence[str], masks: Tensor) -> tuple[Tensor, Tensor]: ...


def augment(
    images: Tensor, generator: Generator, names: Sequence[str], masks: Tensor | None = None
) -> Tensor | tuple[Tensor, Tensor]:
    """Change each image of a batch by its own draw of the named augmentations.

    images: (N, C, side, side) float, 0..255; the result has its dtype and memory format. masks: (N, side, side) bool,
    moved as the images are; with them, both are returned. names: of MOVES, in their order, then of WARPS, then of
    TONES. Raises ValueError for another name.
    """
    unknown = [name for name in names if name not in {*MOVES, *WARPS, *TONES}]
    if unknown:
        raise ValueError(f"there is no augmentation {unknown[0]!r}: give some of {', '.join((*MOVES, *WARPS, *TONES))}")
    given, in_rows = images, not images.is_contiguous(memory_format=torch.channels_last)
    if masks is not None:
        images = torch.cat([images, masks[:, None].to(images.dtype)], 1)  # a channel more moves as the others do
    matrices = None
    if any(name in WARPS for name in names):
        matrices = inverse(*_draw(WARPS, names, len(images), generator))
    for name in names:
        if name in MIRRORS and matrices is not None:  # what is resampled anyway is mirrored for nothing
            matrices[_half(len(images), generator), MIRRORS[name]] *= -1
        elif name in MOVES:
            images = MOVES[name](images, generator)
    if matrices is not None:
        images = warp(images, matrices)
    if masks is not None:
        images, masks = images[:, :-1], images[:, -1] >= 0.5
    if any(name in TONES for name in names):
        factors = (1 + change for change in _draw(TONES, names, len(images), generator))
        images = adjust_(images.clone() if images is given else images, *factors)
    images = images.contiguous(memory_format=torch.contiguous_format if in_rows else torch.channels_last)
    return images if masks is None else (images, masks)


def _draw(
    limits: Mapping[str, Sequence[float]], names: Sequence[str], count: int, generator: Generator
) -> tuple[Tensor, ...]:
    """(count,) of each limit, uniform from -limit to limit; zero where it is not named.

    All are drawn in any case, so that naming one more leaves the others as they were.
    """
    largest = torch.tensor([limit if name in names else 0.0 for name, own in limits.items() for limit in own])
    return (largest[:, None] * (2 * torch.rand(len(largest), count, generator=generator) - 1)).unbind()


def inverse(degrees: Tensor, growth: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """(N,) each -> (N, 2, 3): the matrix from a point (x, y, 1) of the result to the point of the image shown there.

    Points are counted from the middle in halves of the side. The image is turned counter-clockwise about its middle,
    made 1 + growth as large, and then moved by shares of the side.
    """
    angle = torch.deg2rad(degrees)
    cosine, sine = angle.cos() / (1 + growth), angle.sin() / (1 + growth)
    turn = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)  # (N, 2, 2)
    moved = 2 * torch.stack([right, down], 1)[:, None]  # (N, 1, 2)
    return torch.cat([turn, -(turn * moved).sum(2, keepdim=True)], 2)


def warp(images: Tensor, matrices: Tensor) -> Tensor:
    """(N, C, side, side) float -> the same, its points taken from where (N, 2, 3) matrices as of `inverse` say.

    The grid is affine_grid's, by two outer products: affine_grid itself multiplies matrices, which takes several times
    as long on a CPU, and under autocast does it in bfloat16, which is off by a pixel at 224.
    """
    side = images.shape[-1]
    middles = ((2 * torch.arange(side, device=images.device) + 1) / side - 1).to(images.dtype)[:, None]  # of pixels
    by_x, by_y, move = matrices.to(images)[:, None, None].unbind(-1)  # (N, 1, 1, 2) each
    grid = by_x * middles + (by_y * middles[:, None] + move)  # (N, 1, side, 2) + (N, side, 1, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def adjust_(images: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """(N, C, H, W) in 0..255 times (N,) brightness, then its distance from its mean times (N,) contrast; in place."""
    factors = torch.stack([brightness * contrast, brightness * (1 - contrast)]).to(images)
    gain, share = factors[..., None, None, None].unbind()  # (N, 1, 1, 1) each
    level = images.mean((1, 2, 3), keepdim=True) * share
    return images.mul_(gain).add_(level).clamp_(0, 255)
