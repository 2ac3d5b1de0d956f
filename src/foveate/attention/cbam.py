"""Convolutional Block Attention Module: a gate for each channel, then one for each position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention import fused, fused_cbam
from foveate.attention.base import Attention, init_default, reduced_channels, spatial_max
from foveate.attention.convolution import convolved
from foveate.attention.dimensions import BATCH_NORMS, CONVOLUTIONS, broadcast, check_dims, positions
from foveate.errors import UsageError


class CBAM(Attention):
    """CBAM (Woo, Park, Lee, Kweon: ECCV 2018, Eq. 2-3), as in the authors' code (Jongchan/attention-module).

        channel:  x' = x * sigmoid(MLP(mean_HW x) + MLP(max_HW x))
        spatial:  y  = x' * sigmoid(BN(conv7x7([max_C x', mean_C x'])))

    The two terms are added before the sigmoid; the maximum is the first input of the convolution; the
    convolution has no bias; its batch norm has momentum 0.01. The authors start that norm's weight at 0, so the
    spatial gate is 0.5 everywhere at first and the convolution gets its first gradient at the second step.
    `dims` is 1, 2 or 3 for (N, C, L), (N, C, H, W) or (N, C, D, H, W), with a kernel of as many dimensions.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {
            "reduce": "ChannelGate.mlp.1",
            "expand": "ChannelGate.mlp.3",
            "conv": "SpatialGate.spatial.conv",
            "norm": "SpatialGate.spatial.bn",
        },
    )

    def __init__(self, channels: int, reduction: float = 16, kernel_size: int = 7, dims: int = 2) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise UsageError(f"CBAM's kernel_size must be odd, such as 7 or 3, not {kernel_size}.")
        check_dims(dims)
        self.dims = dims
        hidden = reduced_channels(channels, reduction)
        self.reduce = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)
        self.conv = CONVOLUTIONS[dims](2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = BATCH_NORMS[dims](1, momentum=0.01)

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

    def channel_gate(self, mean: Tensor, maximum: Tensor) -> Tensor:
        """Each channel's mean and maximum, (N, C) both -> (N, C) in (0, 1)."""
        both = self.expand(F.relu(self.reduce(torch.cat([mean, maximum]))))  # one pass through the layers: (2N, C)
        return torch.sigmoid(both.view(2, *mean.shape).sum(0)).to(mean.dtype)

    def spatial_gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W), gated by channel -> (N, 1, H, W) in (0, 1)."""
        pooled = torch.cat([torch.max(x, dim=1, keepdim=True)[0], x.mean(1, keepdim=True)], dim=1)  # (N, 2, H, W)
        return torch.sigmoid(self.norm(self.conv(pooled))).to(x.dtype)

    def attend(self, x: Tensor) -> Tensor:
        if fused.pays_for_channel_gates(x):
            return self._fused(x)
        x, _ = self._gate_channels(x)
        return x * self.spatial_gate(x)

    @torch.no_grad()
    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """The gates: channel (N, C, 1, 1) and spatial (N, 1, H, W)."""
        x, channel = self._gate_channels(x)
        return {"channel": channel, "spatial": self.spatial_gate(x)}

    def _gate_channels(self, x: Tensor) -> tuple[Tensor, Tensor]:
        gate = broadcast(self.channel_gate(x.mean(positions(self.dims)), spatial_max(x)), self.dims)
        return x * gate, gate

    def _fused(self, x: Tensor) -> Tensor:
        weight = self.conv.weight
        # What is pooled is small: under autocast nothing is gained by less than the weights' precision.
        dtype = weight.dtype if torch.is_autocast_enabled("cpu") else x.dtype
        with fused.no_autocast():
            x, mean, maximum = fused_cbam.pools_of_positions(x)
            channel = self.channel_gate(mean.to(dtype), maximum.to(dtype)).to(x.dtype)
            product, pools = fused_cbam.gated_by_channel(x, channel)
            spatial = torch.sigmoid(self.norm(convolved(pools.to(dtype), weight))).to(x.dtype)
            return fused_cbam.gated_by_position(product, spatial, x, channel)
