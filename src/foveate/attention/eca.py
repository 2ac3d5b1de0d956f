"""Efficient Channel Attention: a gate for each channel, from the means of the channels beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, init_default
from foveate.errors import UsageError

AUTO = "auto"


class EfficientChannel(Attention):
    """ECA (Wang, Wu, Zhu, Li, Zuo, Hu: CVPR 2020, Eq. 9), as in the authors' code (BangguWu/ECANet).

        y = x * sigmoid(conv_k(mean_HW x))        one convolution along the channels, no bias, zero padding

    The authors' code has k = 3 everywhere; `kernel_size="auto"` is their Eq. 12, the odd number at
    log2(C)/2 + 1/2. Their released ResNet-18 has 3, 5, 7, 7: a list gives each stage of a network its own.
    """

    def __init__(self, channels: int, kernel_size: int | str = 3) -> None:
        super().__init__()
        if kernel_size == AUTO:
            kernel_size = adaptive_kernel(channels)
        if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
            raise UsageError(f"ECA's kernel_size is an odd number, such as 3 or 5, or {AUTO!r}, not {kernel_size!r}.")
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    @classmethod
    def options_at(cls, stage: int, pixels: int, options: Mapping[str, Any]) -> dict[str, Any]:
        size = options.get("kernel_size")
        if not isinstance(size, list | tuple):
            return dict(options)
        if len(size) != 4:
            raise UsageError(f"ECA's kernel_size as a list has a number for each of the four stages, not {size}.")
        return {**options, "kernel_size": size[stage - 1]}

    def reset_parameters(self, generator: Generator | None = None) -> None:
        init_default(self.conv, generator)

    def closing(self) -> tuple[Tensor, ...]:
        return (self.conv.weight,)

    def gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1) in (0, 1)."""
        means = x.mean((2, 3))[:, None]  # (N, 1, C)
        return torch.sigmoid(self.conv(means)).to(x.dtype)[:, 0, :, None, None]

    def attend(self, x: Tensor) -> Tensor:
        return x * self.gate(x)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        return {"channel": self.gate(x)}


def adaptive_kernel(channels: int) -> int:
    """The odd number at or above the whole part of log2(channels)/2 + 1/2 (Eq. 12 with gamma 2, b 1)."""
    whole = int(math.log2(channels) / 2 + 0.5)
    return max(whole + (whole + 1) % 2, 1)
