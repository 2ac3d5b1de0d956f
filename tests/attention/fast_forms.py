"""The blocks that have fast passes, and what a training pass of theirs gives beside the textbook's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from benchmarks.textbook_attention import textbook
from torch import Tensor

from foveate.attention import create_attention
from foveate.attention.base import Attention

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "se": ("se", {}),
    "cbam": ("cbam", {}),
    "cbam of 3": ("cbam", {"kernel_size": 3}),
    "gc": ("gc", {}),
    "gc mul": ("gc", {"fusion": ("channel_mul",)}),
    "gc both": ("gc", {"fusion": ("channel_add", "channel_mul")}),
    "gc both avg": ("gc", {"pooling": "avg", "fusion": ("channel_add", "channel_mul")}),
    "triplet": ("triplet", {}),
    "triplet of 2": ("triplet", {"spatial": False}),
    "triplet of 3": ("triplet", {"kernel_size": 3}),
}
FORMATS = [torch.contiguous_format, torch.channels_last]


def randomised(case: str, channels: int, dtype: torch.dtype = torch.float64) -> Attention:
    name, options = CASES[case]
    block, generator = create_attention(name, channels, **options).to(dtype), torch.Generator().manual_seed(0)
    for parameter in block.parameters():
        parameter.data = (torch.randn(parameter.shape, generator=generator) * 0.5).to(dtype)
    return block


def outcome(block: Attention, form: Callable[[Tensor], Tensor], x: Tensor, above: Tensor) -> dict[str, Tensor]:
    """Output, gradients and buffers of one training pass."""
    block.zero_grad()
    x = x.detach().requires_grad_()
    y = form(x)
    y.backward(above)
    assert x.grad is not None
    gradients = {name: parameter.grad for name, parameter in block.named_parameters() if parameter.grad is not None}
    return {"y": y.detach(), "x": x.grad, **gradients, **dict(block.named_buffers())}


def assert_same(case: str, x: Tensor, tolerance: float = 1e-10) -> None:
    """Fast and textbook form agree for x, with gradients from above in both memory formats."""
    ours = randomised(case, x.shape[1], x.dtype)
    theirs = copy.deepcopy(ours)
    above = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    fast, reference = outcome(ours, ours, x, above), outcome(theirs, textbook(theirs), x, above)
    assert fast.keys() == reference.keys()
    for name, value in reference.items():
        torch.testing.assert_close(fast[name], value, rtol=tolerance, atol=tolerance, msg=f"{case}: {name} differs")
