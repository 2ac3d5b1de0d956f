"""Soft mask branch of the Residual Attention Network: a small hourglass that gates a trunk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, Place
from foveate.errors import UsageError

NORMALISATIONS = ("mixed", "channel", "spatial")


class ResidualAttention(Attention):
    """Attention residual learning (Wang, Jiang, Qian, Yang, Li, Zhang, Wang, Tang: CVPR 2017, Eq. 3-6, figure 2).

        y = (1 + M(x)) * T(x)

    The trunk T is what a stage of the network does after its first residual block (`forward(x, trunk)`), or x
    itself where the block stands alone. The mask M goes down `downs` times (3x3 max-pooling of stride 2, then a
    residual unit), up again by bilinear interpolation with skip connections, and ends in two 1x1 convolutions and
    one of the paper's normalisations: "mixed" (sigmoid), "channel" (L2 over the channels) or "spatial"
    (standardised over the positions, then sigmoid). Units are pre-activation bottlenecks of C/4.

    It is the paper's branch around another network's stages, not the Residual Attention Network itself; there are
    no weights of it to load. Interpolation is to the skip connection's size, so any image size works.
    """

    place = Place("around_stage", stages=(1, 2, 3))

    def __init__(self, channels: int, downs: int = 1, normalisation: str = "mixed") -> None:
        super().__init__()
        if downs < 1:
            raise UsageError(f"ran goes down at least 1 time, not {downs}.")
        if normalisation not in NORMALISATIONS:
            raise UsageError(f"ran has no normalisation {normalisation!r}: known are {', '.join(NORMALISATIONS)}.")
        self.normalisation = normalisation
        self.down = nn.ModuleList(_Unit(channels) for _ in range(downs))
        self.up = nn.ModuleList(_Unit(channels) for _ in range(downs))
        self.skip = nn.ModuleList(_Unit(channels) for _ in range(downs - 1))
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 1)

    @classmethod
    def options_at(cls, stage: int, pixels: int, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"downs": max(1, 4 - stage), **options}

    def reset_parameters(self, generator: Generator | None = None) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()

    def closing(self) -> tuple[Tensor, ...]:
        if self.normalisation == "channel":  # a map divided by its own length is never constant
            return ()
        assert self.conv2.bias is not None
        return (self.conv2.weight, self.conv2.bias)

    def closed_factor(self) -> float:
        return 1.5  # 1 + sigmoid(0)

    def mask(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape, in (0, 1)."""
        levels = [x]
        for unit in self.down:
            levels.append(unit(F.max_pool2d(levels[-1], 3, stride=2, padding=1)))
        mask = levels.pop()
        for depth in reversed(range(len(levels))):
            mask = self.up[depth](mask)
            mask = F.interpolate(mask, size=levels[depth].shape[2:], mode="bilinear", align_corners=True)
            if depth:
                mask = mask + self.skip[depth - 1](levels[depth])
        mask = self.conv1(F.relu(self.norm1(mask)))
        mask = self.conv2(F.relu(self.norm2(mask)))
        if self.normalisation == "channel":
            return F.normalize(mask, dim=1).to(x.dtype)
        if self.normalisation == "spatial":
            mask = F.instance_norm(mask) if mask.shape[2] * mask.shape[3] > 1 else mask - mask
        return torch.sigmoid(mask).to(x.dtype)

    def fewest_positions(self, x: Tensor) -> int:
        return math.prod(math.ceil(side / 2 ** len(self.down)) for side in x.shape[2:])

    def forward(self, x: Tensor, trunk: Tensor | None = None) -> Tensor:
        """Gate what the trunk made of x, or x itself; both (N, C, H, W)."""
        if trunk is None:
            return super().forward(x)
        self._refuse_single(x)
        y = trunk * (1 + self.mask(x))
        return y if self.gain == 1 else y * self.gain

    def attend(self, x: Tensor) -> Tensor:
        return x * (1 + self.mask(x))

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        return {"element": self.mask(x)}


class _Unit(nn.Module):
    """A pre-activation bottleneck: x + conv1x1(conv3x3(conv1x1 x)), each after batch norm and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // 4)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        y = self.conv2(F.relu(self.norm2(y)))
        grown: Tensor = x + self.conv3(F.relu(self.norm3(y)))
        return grown
