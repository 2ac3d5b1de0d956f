"""Style-based Recalibration: a gate for each channel, from its mean and its standard deviation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention

EPSILON = 1e-5  # added to the variance


class StyleRecalibration(Attention):
    """SRM (Lee, Kim, Nam: ICCV 2019, Eq. 2-6).

        t = [mean_HW x, sqrt(var_HW x + 1e-5)]  (N, C, 2);   y = x * sigmoid(BN(sum_k t_k w_k))

    with weights w (C, 2) that start at 0: every gate is 0.5 at first. The variance is the unbiased one; a map of
    one position has variance 0. The weights and the batch norm are trained without weight decay, which belongs to
    the method. The batch norm sees one value an image, so a batch of one cannot train.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = ({"weight": "cfc", "norm": "bn"},)
    needs_batch = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, 2))
        self.norm = nn.BatchNorm1d(channels)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        nn.init.zeros_(self.weight)
        self.norm.reset_parameters()

    def closing(self) -> tuple[Tensor, ...]:
        return (self.weight, self.norm.bias)

    def no_weight_decay(self) -> set[str]:
        return {"weight", "norm.weight", "norm.bias"}

    def gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1) in (0, 1)."""
        wide = x.double() if x.dtype == torch.float64 else x.float()
        mean = wide.mean((2, 3))  # (N, C)
        squares = (wide - mean[:, :, None, None]).square().sum((2, 3))
        deviation = (squares / max(math.prod(x.shape[2:]) - 1, 1) + EPSILON).sqrt()
        style = mean * self.weight[:, 0] + deviation * self.weight[:, 1]
        return torch.sigmoid(self.norm(style.to(self.norm.weight.dtype))).to(x.dtype)[:, :, None, None]

    def attend(self, x: Tensor) -> Tensor:
        return x * self.gate(x)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        return {"channel": self.gate(x)}
