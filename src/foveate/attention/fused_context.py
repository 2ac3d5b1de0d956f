"""Global context for training on a CPU: one pooled vector, added to every position. See fused.py for the manner."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from foveate.attention.fused import apply, backward_once, exact, images, new_scratch, product_type, steps


def attended(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """x (N, C, H, W), mask weight (1, C, 1, 1), bias (1) -> x itself, and its context sum_HW softmax(w x + b) x (N, C).

    The context's share in the gradient of x, a dc + dlogits w, is one product of rank two: (HW, 2) (2, C).
    """
    x, context = apply(_Context, x, weight, bias)
    return x, context


def added(x: Tensor, context: Tensor) -> Tensor:
    """x (N, C, H, W) plus a value for each channel (N, C)."""
    (y,) = apply(_Add, x, context)
    return cast(Tensor, y)


class _Context(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        scratch = new_scratch(images(x), product_type(images(x)))
        column = weight.view(1, -1, 1).to(scratch.dtype)  # (1, C, 1)
        maps, contexts = [], []
        for (part,) in steps(images(x), whole=scratch.dtype == torch.bfloat16):
            part = exact(part, scratch)  # (n, HW, C)
            logits = torch.bmm(part, column.expand(len(part), -1, -1)) + bias  # float32 again, as bias is
            maps.append(torch.softmax(logits, dim=1).to(scratch.dtype))
            contexts.append(torch.bmm(maps[-1].transpose(1, 2), part))
        ctx.save_for_backward(x, weight, torch.cat(maps).to(x.dtype))  # (N, HW, 1)
        return x, torch.cat(contexts).squeeze(1).to(x.dtype)

    @staticmethod
    @backward_once
    def backward(ctx: Any, above: Tensor, dcontext: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight, attention = ctx.saved_tensors
        dx = torch.empty_like(x)
        scratch = new_scratch(images(x), product_type(images(x)))
        row = weight.view(1, 1, -1).to(scratch.dtype)  # (1, 1, C)
        wide = torch.promote_types(weight.dtype, torch.float32)  # what is summed over positions is summed in this
        dweight = weight.new_zeros(1, weight.numel(), dtype=wide)
        dpooled = dcontext[:, None].to(scratch.dtype)
        whole = scratch.dtype == torch.bfloat16
        for part, given, weights, pooled, out in steps(
            images(x), images(above), attention, dpooled, images(dx), whole=whole
        ):
            part, weights = exact(part, scratch), weights.to(wide)
            similar = torch.bmm(part, pooled.transpose(1, 2)).to(wide)  # (n, HW, 1)
            dlogits = weights * (similar - (weights * similar).sum(1, keepdim=True))
            left = torch.cat([weights, dlogits], dim=2).to(scratch.dtype)  # (n, HW, 2)
            right = torch.cat([pooled, row.expand_as(pooled)], dim=1)  # (n, 2, C)
            dweight += torch.bmm(left[:, :, 1:].transpose(1, 2), part).sum(0)
            if out.dtype == scratch.dtype:
                torch.baddbmm(given, left, right, out=out)
            else:
                out.copy_(scratch[: len(part)].copy_(given).baddbmm_(left, right))
        # A softmax does not see a constant, so the bias has no gradient.
        return dx, dweight.view_as(weight).to(weight.dtype), weight.new_zeros(1)


class _Add(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, context: Tensor) -> tuple[Tensor]:
        return (x + context[:, :, None, None],)

    @staticmethod
    @backward_once
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        scratch = new_scratch(images(dy), product_type(images(dy)))
        ones = scratch.new_ones(1, 1, dy[0, 0].numel())
        parts = (exact(part, scratch) for (part,) in steps(images(dy), whole=scratch.dtype == torch.bfloat16))
        sums = [torch.bmm(ones.expand(len(part), -1, -1), part).squeeze(1) for part in parts]
        return dy, torch.cat(sums).to(dy.dtype)
