"""The convolution of a gate's two maps to one, as a product of matrices.

With two channels in and one out, a convolution has too little to do for the general code: on a CPU its backward pass
takes as long as a gate's whole remainder, and several times as long in half precision. Written as a product of the
rows under the kernel with a banded matrix, it is 3 to 8 times as fast for maps as narrow as those of a ResNet.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from foveate.attention.fused import apply, backward_once, steps

WIDEST = 128  # The work grows with the square of the width; from about here on the convolution is faster.


def convolved(maps: Tensor, weight: Tensor) -> Tensor:
    """Maps (N, H, 2, W) with a kernel (1, 2, K, K), K odd, zeros around the maps, no bias -> (N, H, W)."""
    if maps.shape[3] > WIDEST:
        return F.conv2d(maps.transpose(1, 2), weight.to(maps.dtype), padding=weight.shape[2] // 2)[:, 0]
    convolved: Tensor = apply(_Convolution, maps, weight)[0]
    return convolved


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor) -> tuple[Tensor]:
        ctx.save_for_backward(maps, weight)
        exact = torch.promote_types(maps.dtype, torch.float32)
        kernel, width = weight.shape[2], maps.shape[3]
        matrix = _banded(weight[0].transpose(0, 1).to(exact), width).view(-1, width)  # (K 2 W, W)
        parts = [
            torch.mm(_rows(part.flatten(2).to(exact), kernel), matrix)
            for (part,) in steps(maps, elements=kernel * maps[0].numel())
        ]
        return (torch.cat(parts).view(len(maps), -1, width).to(maps.dtype),)

    @staticmethod
    @backward_once
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor]:
        maps, weight = ctx.saved_tensors
        exact = torch.promote_types(maps.dtype, torch.float32)
        kernel, width = weight.shape[2], maps.shape[3]
        turned = weight[0].flip(1, 2).permute(1, 0, 2).to(exact)  # (K, 2, K)
        matrix = _banded(turned, width).transpose(1, 2).reshape(kernel * width, 2 * width)
        dmatrix = matrix.new_zeros(kernel * 2 * width, width)
        dmaps = []
        for part, out in steps(maps, above, elements=kernel * maps[0].numel()):
            part, out = part.flatten(2).to(exact), out.to(exact)
            dmatrix.addmm_(_rows(part, kernel).t(), out.flatten(0, 1))
            dmaps.append(torch.mm(_rows(out, kernel), matrix))
        dweight = dmatrix.view(2 * kernel, -1) @ _diagonals(kernel, width, exact).t()  # (K 2, K)
        dweight = dweight.view(kernel, 2, kernel).transpose(0, 1)[None]
        return torch.cat(dmaps).view(maps.shape).to(maps.dtype), dweight.to(weight.dtype)


def _rows(maps: Tensor, kernel: int) -> Tensor:
    """(N, H, V) -> (N H, kernel V): for each row the rows under the kernel, zeros outside."""
    padded = F.pad(maps, (0, 0, kernel // 2, kernel // 2))
    return padded.unfold(1, kernel, 1).transpose(2, 3).reshape(-1, kernel * maps.shape[2])


def _banded(weight: Tensor, width: int) -> Tensor:
    """(K, 2, K) -> (K, 2, W, W): the matrices that convolve one row of W values with K weights."""
    kernel = weight.shape[2]
    return (weight.reshape(-1, kernel) @ _diagonals(kernel, width, weight.dtype)).view(kernel, 2, width, width)


def _diagonals(kernel: int, width: int, dtype: torch.dtype) -> Tensor:
    """(K, W W): for each weight the ones where it stands in the matrix (value in, value out)."""
    at = torch.arange(width)
    weight_of = at[:, None] - at + kernel // 2
    return (weight_of.flatten() == torch.arange(kernel)[:, None]).to(dtype)
