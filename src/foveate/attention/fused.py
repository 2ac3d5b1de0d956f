"""Pools and gates for training on a CPU: the plain forms' numbers with a fraction of their memory traffic.

Written plainly, each pool and each gate goes through the whole batch, keeps its product for the backward pass, and
adds its gradient to the others' in one more pass. Here a few images at a time go through all steps while they are in
the cache, products are computed again instead of kept, and a pool returns its input beside the pooled values: what
comes next takes that input on, so its gradient passes through the pool, which adds its own share in place.

An image is (positions, channels) or (H, W, C) here; the strides say how it lies in memory, so both memory formats
work. Images in half precision are pooled in float32. The gradient of a maximum goes to the first of equal values, as
with max-pooling and `torch.max`. There are no gradients of gradients.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

# Elements in one step through the batch: 2 MiB in float32, so that a few such tensors fit the cache.
STEP = 2**19


def pays_for(x: Tensor) -> bool:
    """Whether this file suits x: dense images (N, C, H, W) on a CPU, for which a gradient will be asked.

    Compilers and torch.func see the plain forms.
    """
    return (
        not torch.compiler.is_compiling()
        and x.requires_grad
        and torch.is_grad_enabled()
        and x.device.type == "cpu"
        and x.dim() == 4
        and x.numel() > 0
        and (x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last))
        and not torch._C._are_functorch_transforms_active()
    )


def pays_for_channel_gates(x: Tensor) -> bool:
    """As `pays_for`; where images lie channel after channel, each must be long enough, which took 512 bytes to pay."""
    return pays_for(x) and (
        x.is_contiguous(memory_format=torch.channels_last) or x[0, 0].numel() * x.dtype.itemsize >= 512
    )


def pays_for_products(x: Tensor) -> bool:
    """As `pays_for`; channel after channel, a CPU that is made for bfloat16 is faster with the plain form."""
    native = x.dtype == torch.bfloat16 and multiplies_bfloat16()
    return pays_for(x) and not (native and not x.is_contiguous(memory_format=torch.channels_last))


def mean_of_positions(x: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) -> x itself, and its mean over the positions (N, C). Only `gated` may take x on."""
    x, mean, _ = apply(_PositionPools, x, False)
    return x, mean


def pools_of_positions(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N, C, H, W) -> x itself, its mean and its maximum over the positions (N, C). Only `pools_of_channels` or
    `gated` may take x on."""
    x, mean, maximum = apply(_PositionPools, x, True)
    return x, mean, maximum


def pools_of_channels(x: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
    """x (N, C, H, W), gate (N, C) -> x itself, and the maximum and mean over the channels of x * gate (N, H, 2, W).

    Only `gated` may take x on.
    """
    x, pools = apply(_ChannelPools, x, gate)
    return x, pools


def gated(x: Tensor, channel: Tensor, spatial: Tensor | None = None) -> Tensor:
    """x (N, C, H, W) times a gate for each channel (N, C) and, where given, one for each position (N, H, W)."""
    (y,) = apply(_Gates, x, channel, spatial)
    return cast(Tensor, y)


def apply(function: type[Function], *inputs: object) -> tuple[Any, ...]:
    """A function's outputs; what it computes in float32 stays float32 under autocast."""
    with torch.autocast("cpu", enabled=False):
        outputs: tuple[Any, ...] = function.apply(*inputs)  # type: ignore[no-untyped-call]
    return outputs


def backward_once(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a backward pass that cannot be differentiated again, and keeps it in float32 too."""

    @functools.wraps(backward)
    def outside_autocast(*arguments: Any) -> Any:
        with torch.autocast("cpu", enabled=False):
            return backward(*arguments)

    once: Callable[..., Any] = once_differentiable(outside_autocast)
    return once


def images(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, HW, C), a view of what is dense."""
    return x.flatten(2).transpose(1, 2)


def steps(*tensors: Tensor, elements: int | None = None, whole: bool = False) -> Iterator[tuple[Tensor, ...]]:
    """The same few images of every tensor, step by step: as many as `elements` an image (those of the first) allow.

    `whole` is one step of all images: products of bfloat16 take long to begin.
    """
    count = len(tensors[0]) if whole else images_a_step(elements or tensors[0][0].numel())
    return zip(*(torch.split(tensor, count) for tensor in tensors), strict=True)


def images_a_step(elements: int) -> int:
    return max(1, STEP // elements)


@functools.cache
def multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for products of bfloat16, summed in float32, and not only an emulation."""
    abilities: dict[str, Any] = dict(torch.cpu.get_capabilities()) if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def product_type(x: Tensor) -> torch.dtype:
    """What images (N, HW, C) are multiplied as: float32 at least, but bfloat16 where CPU and layout are made for it."""
    native = x.dtype == torch.bfloat16 and x.is_contiguous() and multiplies_bfloat16()
    return x.dtype if native else torch.promote_types(x.dtype, torch.float32)


def new_scratch(x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Room for one step of x in float32 at least, or in another type, laid out as x is."""
    part = x[: images_a_step(x[0].numel())]
    return torch.empty_like(part, dtype=dtype or torch.promote_types(x.dtype, torch.float32))


def exact(part: Tensor, scratch: Tensor) -> Tensor:
    """The same values in float32 at least, in `scratch` where they are in half precision."""
    return part if part.dtype == scratch.dtype else scratch[: len(part)].copy_(part)


def times(part: Tensor, factor: Tensor, scratch: Tensor) -> Tensor:
    """The product in float32 at least, in `scratch`; for half precision a copy first is the faster way."""
    room = scratch[: len(part)]
    return torch.mul(part, factor, out=room) if part.dtype == room.dtype else room.copy_(part).mul_(factor)


def first_index(x: Tensor, maximum: Tensor, dim: int, scratch: Tensor) -> Tensor:
    """The index of the first of the largest values along `dim`, where `maximum` says how large. Overwrites scratch."""
    length = x.shape[dim]
    rank = torch.arange(length, 0, -1, dtype=scratch.dtype).view(-1, *[1] * (x.dim() - 1 - dim))  # the first is highest
    equal = torch.eq(x, maximum, out=scratch[: len(x)])
    highest = equal.mul_(rank).amax(dim, keepdim=True)
    return (length - highest).clamp_(max=length - 1).long()  # all NaN: nothing equals the maximum, the last will do


class _PositionPools(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, with_maximum: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        means, maxima, indices = [], [], []
        scratch = new_scratch(images(x))
        for (part,) in steps(images(x)):  # (n, HW, C)
            part = exact(part, scratch)
            means.append(part.mean(1))
            if with_maximum:
                maxima.append(part.amax(1, keepdim=True))
                indices.append(first_index(part, maxima[-1], 1, scratch))
        if not with_maximum:
            return x, torch.cat(means).to(x.dtype), None
        ctx.save_for_backward(torch.cat(indices))  # (N, 1, C)
        return x, torch.cat(means).to(x.dtype), torch.cat(maxima).squeeze(1).to(x.dtype)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dx: Tensor, dmean: Tensor, dmaximum: Tensor | None) -> tuple[Tensor, None]:
        own = images(dx)  # the next function's buffer, which nobody else sees
        own += dmean[:, None] / own.shape[1]
        if dmaximum is not None:
            (index,) = ctx.saved_tensors
            own.scatter_add_(1, index, dmaximum[:, None])
        return dx, None


class _ChannelPools(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
        means, maxima, indices = [], [], []
        scratch = new_scratch(images(x))
        for part, scale in steps(images(x), gate[:, None]):
            product = times(part, scale, scratch)  # (n, HW, C)
            means.append(product.mean(2, keepdim=True))
            maxima.append(product.amax(2, keepdim=True))
            indices.append(first_index(product, maxima[-1], 2, product))
        ctx.save_for_backward(x, gate, torch.cat(indices))
        pools = torch.cat([torch.cat(maxima), torch.cat(means)], dim=2).to(x.dtype)  # (N, HW, 2)
        return x, pools.view(len(x), *x.shape[2:], 2).transpose(2, 3).contiguous()

    @staticmethod
    @backward_once
    def backward(ctx: Any, dx: Tensor, dpools: Tensor) -> tuple[Tensor, Tensor]:
        x, gate, index = ctx.saved_tensors
        dmaximum, dmean = (share.flatten(1)[:, :, None] for share in dpools.unbind(2))  # (N, HW, 1)
        dmean = dmean / x.shape[1]
        scratch = new_scratch(images(x))
        dgates = []
        for part, scale, first, to_top, to_all, out in steps(
            images(x), gate[:, None], index, dmaximum, dmean, images(dx)
        ):
            dgate = torch.bmm(to_all.to(scratch.dtype).transpose(1, 2), exact(part, scratch)).squeeze(1)  # (n, C)
            to_gate = (to_top * part.gather(2, first)).squeeze(2).to(dgate.dtype)
            dgates.append(dgate.scatter_add_(1, first.squeeze(2), to_gate))
            out.addcmul_(to_all, scale)
            out.scatter_add_(2, first, to_top * scale.expand_as(part).gather(2, first))
        return dx, torch.cat(dgates).to(gate.dtype)


class _Gates(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, channel: Tensor, spatial: Tensor | None) -> tuple[Tensor]:
        ctx.save_for_backward(x, channel, spatial)
        y = torch.empty_like(x)
        for part, scale, weight, out in steps(images(x), *_broadcast(channel, spatial, x), images(y)):
            torch.mul(part, scale, out=out)
            if spatial is not None:
                out *= weight
        return (y,)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        x, channel, spatial = ctx.saved_tensors
        dx = torch.empty_like(x)
        scratch = new_scratch(images(x))
        gates = _broadcast(channel, spatial, x)
        dchannels, dspatials = [], []
        for part, above, scale, weight, out in steps(images(x), images(dy), *gates, images(dx)):
            product = times(part, above, scratch)  # (n, HW, C)
            torch.mul(above, scale, out=out)
            if spatial is None:
                dchannels.append(product.sum(1))
                continue
            out *= weight
            dchannels.append(torch.bmm(weight.to(product.dtype).transpose(1, 2), product).squeeze(1))
            dspatials.append(_weighted_sum(product, scale.to(product.dtype)))
        dspatial = None if spatial is None else torch.cat(dspatials).view(spatial.shape).to(spatial.dtype)
        return dx, torch.cat(dchannels).to(channel.dtype), dspatial


def _weighted_sum(product: Tensor, scale: Tensor) -> Tensor:
    """(n, HW, C), (n, 1, C) -> (n, HW, 1). Overwrites the first where that takes a third of the time of a product."""
    if product.is_contiguous():
        return product.mul_(scale).sum(2, keepdim=True)
    return torch.bmm(product, scale.transpose(1, 2))


def _broadcast(channel: Tensor, spatial: Tensor | None, x: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C), (N, H, W) or None -> (N, 1, C), (N, HW, 1) or one."""
    weight = channel.new_ones(()).expand(len(x), 1, 1) if spatial is None else spatial.flatten(1)[:, :, None]
    return channel[:, None], weight
