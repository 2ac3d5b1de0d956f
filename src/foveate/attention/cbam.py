"""Convolutional Block Attention Module: a gate for each channel, then one for each position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, hidden_channels, init_default, spatial_max
from foveate.errors import UsageError


class CBAM(Attention):
    """CBAM (Woo, Park, Lee, Kweon: ECCV 2018, Eq. 2-3), as in the authors' code (Jongchan/attention-module).

        channel:  x' = x * sigmoid(MLP(mean_HW x) + MLP(max_HW x))
        spatial:  y  = x' * sigmoid(BN(conv7x7([max_C x', mean_C x'])))

    The two terms are added before the sigmoid; the maximum is the first input of the convolution; the
    convolution has no bias; its batch norm has momentum 0.01. The authors start that norm's weight at 0, so the
    spatial gate is 0.5 everywhere at first and the convolution gets its first gradient at the second step.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {
            "reduce": "ChannelGate.mlp.1",
            "expand": "ChannelGate.mlp.3",
            "conv": "SpatialGate.spatial.conv",
            "norm": "SpatialGate.spatial.bn",
        },
    )

    def __init__(self, channels: int, reduction: float = 16, kernel_size: int = 7) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise UsageError(f"CBAM's kernel_size must be odd, such as 7 or 3, not {kernel_size}.")
        hidden = hidden_channels(channels, 1 / reduction if reduction else 0)
        self.reduce = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1, momentum=0.01)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        # The authors go by key names: "conv" is He fan-out, all biases are 0, the MLP's weights keep torch's default.
        for layer in (self.reduce, self.expand):
            init_default(layer, generator)
            nn.init.zeros_(layer.bias)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        self.norm.reset_parameters()
        nn.init.zeros_(self.norm.weight)

    def closing(self) -> tuple[Tensor, ...]:
        return (self.expand.weight, self.expand.bias, self.norm.weight, self.norm.bias)

    def closed_factor(self) -> float:
        return 0.25  # two gates of a half

    def channel_gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1) in (0, 1)."""
        mean, peak = x.mean((2, 3)), spatial_max(x)  # (N, C)
        both = self._mlp(mean) + self._mlp(peak)
        return torch.sigmoid(both).to(x.dtype)[:, :, None, None]

    def spatial_gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W) in (0, 1)."""
        pooled = torch.cat([torch.max(x, dim=1, keepdim=True)[0], x.mean(1, keepdim=True)], dim=1)  # (N, 2, H, W)
        return torch.sigmoid(self.norm(self.conv(pooled))).to(x.dtype)

    def _mlp(self, pooled: Tensor) -> Tensor:
        hidden: Tensor = self.expand(F.relu(self.reduce(pooled)))
        return hidden

    def attend(self, x: Tensor) -> Tensor:
        x = x * self.channel_gate(x)
        return x * self.spatial_gate(x)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        channel = self.channel_gate(x)
        return {"channel": channel, "spatial": self.spatial_gate(x * channel)}
