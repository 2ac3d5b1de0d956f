"""CBAM's pools and gates for training on a CPU, in few passes through memory. See fused.py for the manner.

The product of the images and their channel gates is written once, pooled while it is in the cache, and gated by
position where it stands. Backwards one buffer holds the gradient: the gate by position begins it, each pool adds its
share in place, that of a maximum by the place of its first value in the buffer's memory.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from foveate.attention.fused import apply, backward_once, exact, first_index, images, new_scratch, steps, wide_type


def pools_of_positions(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N, C, H, W) -> x itself, its mean and its maximum over the positions (N, C), as float32 at least.

    Only `gated_by_channel` may take x on.
    """
    x, mean, maximum = apply(_PositionPools, x)
    return x, mean, maximum


def gated_by_channel(x: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
    """x (N, C, H, W), gate (N, C) -> x * gate, and its maximum and mean over the channels (N, 2, H, W).

    Half precision is pooled to float32. Only `gated_by_position` may take the product on.
    """
    product, pools = apply(_GatedByChannel, x, gate)
    return product, pools


def gated_by_position(product: Tensor, gate: Tensor, x: Tensor, channel: Tensor) -> Tensor:
    """The product (N, C, H, W) of x and its channel gate times a gate for each position (N, 1, H, W).

    Overwrites the product: the backward pass computes it again from x and `channel`, which get no gradient here.
    """
    (y,) = apply(_GatedByPosition, product, gate, x.detach(), channel.detach())
    return cast(Tensor, y)


class _PositionPools(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maximum, index = torch.ops.aten.max_pool2d_with_indices(x, list(x.shape[2:]))
        ctx.save_for_backward(index.flatten(1)[:, None])  # (N, 1, C)
        wide = wide_type(x)
        # Of bfloat16 a sum takes a third of a mean's time and is as exact; one of float16 would overflow.
        sums = images(x).sum(1, dtype=x.dtype if x.dtype == torch.bfloat16 else wide)
        return x, sums.to(wide) / x[0, 0].numel(), maximum.flatten(1).to(wide)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dx: Tensor, dmean: Tensor, dmaximum: Tensor) -> Tensor:
        (index,) = ctx.saved_tensors
        own = images(dx)  # the next function's buffer, which nobody else sees
        own += (dmean[:, None] / own.shape[1]).to(dx.dtype)
        _add_at(dx, _places(own, 1, index), dmaximum[:, None].to(dx.dtype))
        return dx


class _GatedByChannel(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
        product, scratch = torch.empty_like(x), new_scratch(images(x))
        pools, indices = [], []
        for part, scale, out in steps(images(x), gate[:, None], images(product)):  # (n, HW, C)
            torch.mul(part, scale, out=out)
            out = exact(out, scratch)
            maximum = out.amax(2, keepdim=True)
            pools.append(torch.stack([maximum.squeeze(2), out.mean(2)], dim=1))
            indices.append(first_index(out, maximum, 2, scratch))
        ctx.save_for_backward(x, gate, torch.cat(indices))
        return product, torch.cat(pools).view(len(x), 2, *x.shape[2:])

    @staticmethod
    @backward_once
    def backward(ctx: Any, dproduct: Tensor, dpools: Tensor) -> tuple[Tensor, Tensor]:
        x, gate, first = ctx.saved_tensors
        dmaximum, dmean = dpools.to(x.dtype).flatten(2)[..., None].unbind(1)  # (N, HW, 1)
        dmean = dmean / x.shape[1]
        own, dgates = images(x), []
        scratch = new_scratch(own, x.dtype)
        # Where y has no gradient, dproduct is autograd's zeros, which need not lie as x does.
        places = _places(images(dproduct), 2, first)
        for part, scale, place, to_first, to_all, out in steps(
            own, gate[:, None], places, dmaximum, dmean, images(dproduct)
        ):
            out += to_all
            _add_at(dproduct, place, to_first)
            dgates.append(torch.mul(part, out, out=scratch[: len(part)]).sum(1))
            out *= scale
        return dproduct, torch.cat(dgates)


class _GatedByPosition(Function):
    @staticmethod
    def forward(ctx: Any, product: Tensor, gate: Tensor, x: Tensor, channel: Tensor) -> tuple[Tensor]:
        ctx.save_for_backward(gate, x, channel)
        ctx.mark_dirty(product)
        own = images(product)
        own *= gate.flatten(1)[:, :, None]
        return (product,)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, None, None]:
        gate, x, channel = ctx.saved_tensors
        dproduct = torch.empty_like(x)
        own, dgates = images(x), []
        scratch = new_scratch(own, x.dtype)
        for part, above, scale, weight, out in steps(
            own, images(dy), channel[:, None], gate.flatten(1)[:, :, None], images(dproduct)
        ):
            both = torch.mul(part, above, out=scratch[: len(part)])
            dgates.append(torch.bmm(scale, both.transpose(1, 2)))  # faster than the same product with a column
            torch.mul(above, weight, out=out)
        return dproduct, torch.cat(dgates).view(gate.shape), None, None


def _places(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """Where in its memory the values of x lie that have this index along `dim`, whose size is 1 in `index`."""
    places = index * x.stride(dim)
    for other, (size, stride) in enumerate(zip(x.shape, x.stride(), strict=True)):
        if other != dim and size > 1:
            places += torch.arange(0, size * stride, stride).view(-1, *[1] * (x.dim() - 1 - other))
    return places


def _add_at(x: Tensor, places: Tensor, values: Tensor) -> None:
    """Adds values to those of a dense x at these places in its memory.

    `scatter_add_` would do, but copies a whole x in half precision.
    """
    x.as_strided((x.numel(),), (1,)).put_(places, values, accumulate=True)
