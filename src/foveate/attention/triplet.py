"""Triplet attention: three gates, each of which pools one axis of the image away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from foveate.attention import fused
from foveate.attention.base import Attention
from foveate.attention.convolution import convolved
from foveate.attention.fused_triplet import gated_by_axes, pools_of_axes
from foveate.errors import UsageError

REPOSITORY = {
    "channel_width.conv": "cw.conv.conv",
    "channel_width.norm": "cw.conv.bn",
    "channel_height.conv": "hc.conv.conv",
    "channel_height.norm": "hc.conv.bn",
    "spatial.conv": "hw.conv.conv",
    "spatial.norm": "hw.conv.bn",
}
# Their released models: "H" names the axis that is pooled there, not the one that is kept.
RELEASED = {
    "channel_width.conv": "ChannelGateH.spatial.conv",
    "channel_width.norm": "ChannelGateH.spatial.bn",
    "channel_height.conv": "ChannelGateW.spatial.conv",
    "channel_height.norm": "ChannelGateW.spatial.bn",
    "spatial.conv": "SpatialGate.spatial.conv",
    "spatial.norm": "SpatialGate.spatial.bn",
}


class Triplet(Attention):
    """Triplet attention (Misra, Nalamada, Arasanipalai, Hou: WACV 2021, Eq. 1-5; landskape-ai/triplet-attention).

        g_a = sigmoid(BN(conv7x7([max_a x, mean_a x])))     for a = H, W, C: (N, C, W), (N, C, H), (N, H, W)
        y = x * (g_H + g_W + g_C) / 3

    The authors permute x so that `a` takes the channels' place; the sums are the same. The maximum is the first
    input of the convolution, which has no bias; its batch norm has momentum 0.01. `spatial=False` leaves out g_C, and
    y = x * (g_H + g_W) / 2. As in the released models' code, convolutions start as He's (fan-out) and the weight of
    the spatial gate's norm at 0, so that gate is 0.5 everywhere at first.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (REPOSITORY, RELEASED)

    def __init__(self, channels: int, kernel_size: int = 7, spatial: bool = True) -> None:
        super().__init__()
        if channels < 1:
            raise UsageError(f"an attention block needs at least 1 channel, not {channels}.")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise UsageError(f"triplet attention's kernel_size must be odd, such as 7 or 3, not {kernel_size}.")
        self.channel_width = _Gate(kernel_size)
        self.channel_height = _Gate(kernel_size)
        self.spatial = _Gate(kernel_size) if spatial else None

    def reset_parameters(self, generator: Generator | None = None) -> None:
        for gate in self._gates():
            nn.init.kaiming_normal_(gate.conv.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            gate.norm.reset_parameters()
        if self.spatial is not None:
            nn.init.zeros_(self.spatial.norm.weight)

    def closing(self) -> tuple[Tensor, ...]:
        return tuple(parameter for gate in self._gates() for parameter in gate.norm.parameters())

    def attend(self, x: Tensor) -> Tensor:
        as_weights = x.dtype == self.channel_width.conv.weight.dtype or torch.is_autocast_enabled("cpu")
        if as_weights and fused.pays_for(x):  # the plain form refuses other precisions, in training and evaluation
            return self._fused(x)
        first, *others = (gate for _, gate in self._plain(x))
        return x * (sum(others, first) / (1 + len(others)))

    @torch.no_grad()
    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """The gates: channel_width (N, C, 1, W), channel_height (N, C, H, 1) and spatial (N, 1, H, W)."""
        return dict(self._plain(x))

    def _gates(self) -> list[_Gate]:
        return [gate for gate in (self.channel_width, self.channel_height, self.spatial) if gate is not None]

    def _plain(self, x: Tensor) -> list[tuple[str, Tensor]]:
        """The gates by name, each with the axis that it pools of size 1."""
        gates = [
            ("channel_width", self.channel_width(_pools(x, 2)).transpose(1, 2)),
            ("channel_height", self.channel_height(_pools(x.transpose(1, 2), 3)).permute(0, 3, 2, 1)),
        ]
        if self.spatial is not None:
            gates.append(("spatial", self.spatial(_pools(x, 1))))
        return gates

    def _fused(self, x: Tensor) -> Tensor:
        x, over_height, over_width, *over_channels = pools_of_axes(x, self.spatial is not None)
        width = self.channel_width.fused(over_height, self.channel_width.conv.weight)
        # The authors' map is (H, C); here it is (C, H), so the kernel is turned instead.
        height = self.channel_height.fused(over_width, self.channel_height.conv.weight.transpose(2, 3))
        spatial = None
        if self.spatial is not None:
            spatial = self.spatial.fused(over_channels[0], self.spatial.conv.weight)
        return gated_by_axes(x, width, height, spatial)


class _Gate(nn.Module):
    """(N, 2, A, B), the maximum and the mean -> (N, 1, A, B) in (0, 1)."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, pools: Tensor) -> Tensor:
        return torch.sigmoid(self.norm(self.conv(pools))).to(pools.dtype)

    def fused(self, pools: Tensor, kernel: Tensor) -> Tensor:
        """(N, 2, A, B) -> (N, A, B)."""
        return torch.sigmoid(self.norm(convolved(pools, kernel))).squeeze(1).to(pools.dtype)


def _pools(x: Tensor, axis: int) -> Tensor:
    """The maximum and the mean over one axis of (N, A, B, D), in its second place: (N, 2, ...)."""
    return torch.stack([torch.max(x, axis)[0], x.mean(axis)], dim=1)
