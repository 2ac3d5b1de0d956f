"""Triplet attention's pools and gates for training on a CPU, without permuted copies. See fused.py for the manner."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from foveate.attention.fused import apply, backward_once, exact, first_index, new_scratch, steps, times

# The axes of an image (n, H, W, C) that a gate pools over, and the sizes that are left.
HEIGHT, WIDTH, CHANNELS = 1, 2, 3


def pools_of_axes(x: Tensor, spatial: bool) -> tuple[Tensor, ...]:
    """x (N, C, H, W) -> x itself, and its maximum and mean over each axis, in this order:

    over H (N, 2, C, W), over W (N, 2, C, H) and, with `spatial`, over C (N, 2, H, W). Only `gated_by_axes` may take
    x on.
    """
    return apply(_AxisPools, x, (HEIGHT, WIDTH, CHANNELS) if spatial else (HEIGHT, WIDTH))


def gated_by_axes(x: Tensor, over_height: Tensor, over_width: Tensor, over_channels: Tensor | None) -> Tensor:
    """x (N, C, H, W) times the mean of its gates (N, C, W), (N, C, H) and, where given, (N, H, W)."""
    (y,) = apply(_AxisGates, x, over_height, over_width, over_channels)
    return cast(Tensor, y)


class _AxisPools(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, ...]:
        pixels = x.permute(0, 2, 3, 1)  # (N, H, W, C)
        scratch, spare = new_scratch(pixels), new_scratch(pixels)
        pools: list[list[Tensor]] = [[] for _ in axes]
        indices: list[list[Tensor]] = [[] for _ in axes]
        for (part,) in steps(pixels):
            part = exact(part, scratch)
            for axis, pool, index in zip(axes, pools, indices, strict=True):
                maximum = part.amax(axis, keepdim=True)
                index.append(first_index(part, maximum, axis, spare))
                pool.append(torch.stack([_rows(maximum, axis), _rows(part.mean(axis, keepdim=True), axis)], dim=1))
        ctx.axes = axes
        ctx.save_for_backward(*(torch.cat(index).to(torch.int32) for index in indices))
        return x, *(torch.cat(pool).to(x.dtype) for pool in pools)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dx: Tensor, *dpools: Tensor) -> tuple[Tensor, None]:
        own = dx.permute(0, 2, 3, 1)  # the next function's buffer, which nobody else sees
        shares = [_pixels(dpool[:, 1], axis) / own.shape[axis] for axis, dpool in zip(ctx.axes, dpools, strict=True)]
        tops = [_pixels(dpool[:, 0], axis) for axis, dpool in zip(ctx.axes, dpools, strict=True)]
        for out, *rest in steps(own, *shares, *tops, *ctx.saved_tensors):
            count = len(ctx.axes)
            for axis, share, top, index in zip(
                ctx.axes, rest[:count], rest[count : 2 * count], rest[2 * count :], strict=True
            ):
                out += share
                out.scatter_add_(axis, index.long(), top)
        return dx, None


class _AxisGates(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, over_height: Tensor, over_width: Tensor, over_channels: Tensor | None
    ) -> tuple[Tensor]:
        ctx.save_for_backward(x, over_height, over_width, over_channels)
        pixels, y = x.permute(0, 2, 3, 1), torch.empty_like(x)
        scratch = new_scratch(pixels)
        gates = _gates(over_height, over_width, over_channels, scratch.dtype)
        for part, out, *own in steps(pixels, y.permute(0, 2, 3, 1), *gates):
            out.copy_(_mean_gate(own, scratch[: len(part)]).mul_(part))
        return (y,)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, over_height, over_width, over_channels = ctx.saved_tensors
        pixels, dx = x.permute(0, 2, 3, 1), torch.empty_like(x)
        scratch = new_scratch(pixels)
        axes = (HEIGHT, WIDTH) if over_channels is None else (HEIGHT, WIDTH, CHANNELS)
        gates = _gates(over_height, over_width, over_channels, scratch.dtype)
        dgates: list[list[Tensor]] = [[] for _ in axes]
        for part, above, out, *own in steps(pixels, dy.permute(0, 2, 3, 1), dx.permute(0, 2, 3, 1), *gates):
            product = times(part, above, scratch)
            for axis, dgate in zip(axes, dgates, strict=True):
                dgate.append(_rows(product.sum(axis, keepdim=True), axis) / len(axes))
            out.copy_(_mean_gate(own, scratch[: len(part)]).mul_(above))
        shares = [torch.cat(dgate).to(over_height.dtype) for dgate in dgates]
        return dx, shares[0], shares[1], shares[2] if len(shares) == 3 else None


def _gates(over_height: Tensor, over_width: Tensor, over_channels: Tensor | None, dtype: torch.dtype) -> list[Tensor]:
    """The gates as (N, 1, W, C), (N, H, 1, C), (N, H, W, 1), each divided by their number."""
    given = [(over_height, HEIGHT), (over_width, WIDTH)]
    given += [] if over_channels is None else [(over_channels, CHANNELS)]
    return [_pixels(gate.to(dtype), axis) / len(given) for gate, axis in given]


def _mean_gate(gates: list[Tensor], out: Tensor) -> Tensor:
    """(n, H, W, C), written to `out`."""
    torch.add(gates[0], gates[1], out=out)
    return out.add_(gates[2]) if len(gates) == 3 else out


def _rows(pooled: Tensor, axis: int) -> Tensor:
    """(n, H, W, C) with one axis of size 1 -> (n, C, W), (n, C, H), (n, H, W): the narrow side last."""
    left = pooled.squeeze(axis)
    return left if axis == CHANNELS else left.transpose(1, 2)


def _pixels(rows: Tensor, axis: int) -> Tensor:
    """The opposite of `_rows`."""
    return (rows if axis == CHANNELS else rows.transpose(1, 2)).unsqueeze(axis)
