"""Global context for training on a CPU: one pooled vector, added to every position. See fused.py for the manner."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function

from foveate.attention.fused import apply, backward_once, exact, images, new_scratch, steps


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
        scratch = new_scratch(images(x))
        column = weight.view(1, -1, 1).to(scratch.dtype)  # (1, C, 1)
        maps, contexts = [], []
        for (part,) in steps(images(x)):
            part = exact(part, scratch)  # (n, HW, C)
            maps.append(torch.softmax(torch.bmm(part, column.expand(len(part), -1, -1)) + bias, dim=1))
            contexts.append(torch.bmm(maps[-1].transpose(1, 2), part))
        ctx.save_for_backward(x, weight, torch.cat(maps).to(x.dtype))  # (N, HW, 1)
        return x, torch.cat(contexts).squeeze(1).to(x.dtype)

    @staticmethod
    @backward_once
    def backward(ctx: Any, above: Tensor, dcontext: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight, attention = ctx.saved_tensors
        dx = torch.empty_like(x)
        scratch = new_scratch(images(x))
        row = weight.view(1, 1, -1).to(scratch.dtype)  # (1, 1, C)
        dweight = torch.zeros_like(row)
        for part, given, weights, dpooled, out in steps(
            images(x), images(above), attention, dcontext[:, None].to(scratch.dtype), images(dx)
        ):
            part, weights = exact(part, scratch), weights.to(scratch.dtype)
            similar = torch.bmm(part, dpooled.transpose(1, 2))  # (n, HW, 1)
            dlogits = weights * (similar - (weights * similar).sum(1, keepdim=True))
            dweight += torch.bmm(dlogits.transpose(1, 2), part).sum(0)
            left = torch.cat([weights, dlogits], dim=2)  # (n, HW, 2)
            right = torch.cat([dpooled, row.expand_as(dpooled)], dim=1)  # (n, 2, C)
            if out.dtype == scratch.dtype:
                out.copy_(given).baddbmm_(left, right)
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
        scratch = new_scratch(images(dy))
        sums = [exact(part, scratch).sum(1) for (part,) in steps(images(dy))]
        return dy, torch.cat(sums).to(dy.dtype)
