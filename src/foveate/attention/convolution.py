"""The convolution of a gate's two maps to one, in the ways that suit so few channels on a CPU.

The general code takes five to ten times as long for the gradient of two maps as for the map that they give. That
gradient is a convolution as well, with the kernel turned round, and as such takes no longer than the first. For narrow
maps most of the time is the general code's preparation: there all is products of matrices.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function
from torch.nn.grad import conv2d_weight

from foveate.attention.fused import apply, backward_once, wide_type

NARROW = 16  # up to this width products of matrices are faster; their work grows with its square


def convolved(maps: Tensor, weight: Tensor) -> Tensor:
    """Maps (N, 2, H, W) with a kernel (1, 2, K, K), K odd, zeros around the maps, no bias -> (N, 1, H, W).

    Half precision is multiplied in float32.
    """
    convolved: Tensor = apply(_BandedProduct if maps.shape[3] <= NARROW else _Convolution, maps, weight)[0]
    return convolved


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor) -> tuple[Tensor]:
        ctx.save_for_backward(maps, weight)
        wide = wide_type(maps)
        return (F.conv2d(maps.to(wide), weight.to(wide), padding=weight.shape[2] // 2).to(maps.dtype),)

    @staticmethod
    @backward_once
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor]:
        maps, weight = ctx.saved_tensors
        wide, border = wide_type(maps), weight.shape[2] // 2
        above = above.to(wide)
        dmaps = F.conv2d(above, weight.to(wide).flip(2, 3).transpose(0, 1), padding=border)
        dweight: Tensor = conv2d_weight(maps.to(wide), weight.shape, above, padding=border)  # type: ignore[no-untyped-call]
        return dmaps.to(maps.dtype), dweight.to(weight.dtype)


class _BandedProduct(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor) -> tuple[Tensor]:
        ctx.save_for_backward(maps, weight)
        wide = wide_type(maps)
        matrix = _banded(weight[0].transpose(0, 1).to(wide), maps.shape[3])  # (K, 2, W, W)
        rows = _rows_under(maps.to(wide), weight.shape[2]) @ matrix.flatten(0, 2)
        return (rows.view(len(maps), 1, *maps.shape[2:]).to(maps.dtype),)

    @staticmethod
    @backward_once
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor]:
        maps, weight = ctx.saved_tensors
        count, depth, height, width = maps.shape
        kernel, wide = weight.shape[2], wide_type(maps)
        above = above.to(wide)
        turned = _banded(weight[0].flip(1, 2).transpose(0, 1).to(wide), width)
        turned = turned.transpose(1, 2).reshape(-1, depth * width)  # (K W, 2 W)
        dmaps = (_rows_under(above, kernel) @ turned).view(count, height, depth, width).transpose(1, 2)
        dmatrix = _rows_under(maps.to(wide), kernel).t() @ above.reshape(-1, width)  # (K 2 W, W)
        dweight = dmatrix.view(kernel * depth, -1) @ _diagonals(kernel, width, wide).t()
        return dmaps.to(maps.dtype), dweight.view(kernel, depth, kernel).transpose(0, 1)[None].to(weight.dtype)


def _rows_under(maps: Tensor, kernel: int) -> Tensor:
    """Maps (N, M, H, W) -> (N H, K M W): for each row the K rows under the kernel, of every map, zeros outside."""
    rows = F.pad(maps.transpose(1, 2), (0, 0, 0, 0, kernel // 2, kernel // 2)).unfold(1, kernel, 1)  # (N, H, M, W, K)
    return rows.permute(0, 1, 4, 2, 3).reshape(-1, kernel * maps.shape[1] * maps.shape[3])


def _banded(weight: Tensor, width: int) -> Tensor:
    """(K, 2, K) -> (K, 2, W, W): the matrices that convolve one row of W values with K weights."""
    kernel = weight.shape[2]
    return (weight.reshape(-1, kernel) @ _diagonals(kernel, width, weight.dtype)).view(kernel, -1, width, width)


def _diagonals(kernel: int, width: int, dtype: torch.dtype) -> Tensor:
    """(K, W W): for each weight the ones where it stands in the matrix (value in, value out)."""
    return torch.from_numpy(_ones(kernel, width)).to(dtype)


@functools.lru_cache(maxsize=16)
def _ones(kernel: int, width: int) -> NDArray[np.float32]:
    """Kept as numpy's: a tensor might be one of a mode that computes no values, and be found later by one that does."""
    weight_of = np.arange(width)[:, None] - np.arange(width) + kernel // 2
    ones: NDArray[np.bool_] = weight_of.ravel() == np.arange(kernel)[:, None]
    return ones.astype(np.float32)
