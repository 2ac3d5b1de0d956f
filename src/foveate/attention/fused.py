"""Pools and gates for training on a CPU: the plain forms' numbers with a fraction of their memory traffic.

Written plainly, each pool and each gate goes through the whole batch, keeps its product for the backward pass, and
adds its gradient to the others' in one more pass. Here a few images at a time go through all steps while they are in
the cache, products are computed again instead of kept, and a pool returns its input beside the pooled values: what
comes next takes that input on, so its gradient passes through the pool, which adds its own share in place.

An image is (positions, channels) or (H, W, C) here; the strides say how it lies in memory, so both memory formats
work. Images in half precision are summed in float32. The gradient of a maximum goes to the first of equal values, as
with max-pooling and `torch.max`. There are no gradients of gradients: `plain_forms` has them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from foveate.errors import UsageError

# Elements in one step through the batch: 8 MiB in float32, so that a few such tensors fit the last-level cache.
STEP = 2**21

_plain = ContextVar("plain", default=False)


@contextmanager
def plain_forms() -> Iterator[None]:
    """Blocks called in here take their plain forms, which can be differentiated twice, as for a gradient penalty."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def pays_for(x: Tensor) -> bool:
    """Whether this file suits x: dense images (N, C, H, W) on a CPU, for which a gradient will be asked.

    Compilers and torch.func see the plain forms.
    """
    return (
        not torch.compiler.is_compiling()
        and not _plain.get()
        and type(x) is Tensor  # no stand-in that has a shape and no values
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
    if not pays_for(x):
        return False
    native = x.dtype == torch.bfloat16 and multiplies_bfloat16()
    return x.is_contiguous(memory_format=torch.channels_last) or not native


def mean_of_positions(x: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) -> x itself, and its mean over the positions (N, C). Only `gated` may take x on."""
    x, mean = apply(_PositionMean, x)
    return x, mean


def gated(x: Tensor, gate: Tensor) -> Tensor:
    """x (N, C, H, W) times a gate for each channel (N, C)."""
    (y,) = apply(_ChannelGate, x, gate)
    return cast(Tensor, y)


def apply(function: type[Function], *inputs: object) -> tuple[Any, ...]:
    """A function's outputs; what it computes in float32 stays float32 under autocast."""
    with no_autocast():
        outputs: tuple[Any, ...] = function.apply(*inputs)  # type: ignore[no-untyped-call]
    return outputs


def no_autocast() -> AbstractContextManager[object]:
    """Where products keep their operands' precision; nothing is to be done where they keep it anyway."""
    return torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else nullcontext()


def backward_once(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a backward pass that cannot be differentiated again, and keeps it in float32 too.

    It refuses `create_graph=True`, under which torch's own mark would take a gradient for a constant, as long as what
    comes from above is one.
    """

    @functools.wraps(backward)
    def once(*arguments: Any) -> Any:
        if torch.is_grad_enabled():
            raise UsageError(
                "attention blocks train on a CPU by passes without second derivatives: for create_graph=True call the "
                "network inside `with foveate.attention.fused.plain_forms():`."
            )
        with no_autocast():
            return backward(*arguments)

    return once


def images(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, HW, C), a view of what is dense."""
    return x.flatten(2).transpose(1, 2)


def steps(*tensors: Tensor, whole: bool = False) -> Iterator[tuple[Tensor, ...]]:
    """The same few images of every tensor, in even steps of as many as the first tensor's size allows.

    `whole` is one step of all images: products of bfloat16 take long to begin.
    """
    number = 1 if whole else math.ceil(len(tensors[0]) / images_a_step(tensors[0]))
    if number == 1:
        return iter([tensors])
    count = math.ceil(len(tensors[0]) / number)
    return zip(*(torch.split(tensor, count) for tensor in tensors), strict=True)


def images_a_step(x: Tensor) -> int:
    return max(1, STEP // x[0].numel())


@functools.cache
def multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for products of bfloat16, summed in float32, and not only an emulation."""
    abilities: dict[str, Any] = dict(torch.cpu.get_capabilities()) if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def product_type(x: Tensor) -> torch.dtype:
    """What images (N, HW, C) are multiplied as: float32 at least, but bfloat16 where CPU and layout are made for it."""
    native = x.dtype == torch.bfloat16 and x.is_contiguous() and multiplies_bfloat16()
    return x.dtype if native else wide_type(x)


def wide_type(x: Tensor) -> torch.dtype:
    """Float32 at least: what is summed or kept of half precision in few values."""
    return torch.promote_types(x.dtype, torch.float32)


def new_scratch(x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Room for one step of x in float32 at least, or in another type, laid out as x is."""
    return torch.empty_like(x[: images_a_step(x)], dtype=dtype or wide_type(x))


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


class _PositionMean(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        scratch = new_scratch(images(x))
        means = [exact(part, scratch).mean(1) for (part,) in steps(images(x))]  # (n, C)
        return x, torch.cat(means).to(x.dtype)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dx: Tensor, dmean: Tensor) -> Tensor:
        own = images(dx)  # the next function's buffer, which nobody else sees
        own += dmean[:, None] / own.shape[1]
        return dx


class _ChannelGate(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor) -> tuple[Tensor]:
        ctx.save_for_backward(x, gate)
        y = torch.empty_like(x)
        for part, scale, out in steps(images(x), gate[:, None], images(y)):
            torch.mul(part, scale, out=out)
        return (y,)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, gate = ctx.saved_tensors
        dx, dgates = torch.empty_like(x), []
        scratch = new_scratch(images(x))
        for part, above, scale, out in steps(images(x), images(dy), gate[:, None], images(dx)):
            dgates.append(times(part, above, scratch).sum(1))
            torch.mul(above, scale, out=out)
        return dx, torch.cat(dgates).to(gate.dtype)
