"""Bottleneck Attention Module: one gate for each element, from a channel and a spatial branch side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, Place, init_default, reduced_channels
from foveate.errors import UsageError

COMBINE = ("multiply", "add")


class BAM(Attention):
    """BAM (Park, Woo, Lee, Kweon: BMVC 2018, Eq. 1-4), as in the authors' code (Jongchan/attention-module).

        channel:  c = W1 relu(BN(W0 mean_HW x))                                      (N, C, 1, 1)
        spatial:  s = conv1x1(relu(BN(dilated 3x3)) twice of relu(BN(conv1x1 x)))    (N, 1, H, W)
        y = x * (1 + sigmoid(c * s))

    The paper adds the branches, its code multiplies them: `combine="add"` is the paper's. It stands between the
    stages of a network. The biases before batch norms can get no gradient; they stay for the authors' weights. The
    channel branch's batch norm sees one value an image, so a batch of one cannot train.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {
            "reduce": "channel_att.gate_c.gate_c_fc_0",
            "norm": "channel_att.gate_c.gate_c_bn_1",
            "expand": "channel_att.gate_c.gate_c_fc_final",
            "convs.0": "spatial_att.gate_s.gate_s_conv_reduce0",
            "norms.0": "spatial_att.gate_s.gate_s_bn_reduce0",
            "convs.1": "spatial_att.gate_s.gate_s_conv_di_0",
            "norms.1": "spatial_att.gate_s.gate_s_bn_di_0",
            "convs.2": "spatial_att.gate_s.gate_s_conv_di_1",
            "norms.2": "spatial_att.gate_s.gate_s_bn_di_1",
            "last": "spatial_att.gate_s.gate_s_conv_final",
        },
    )
    place = Place("between_stages", stages=(1, 2, 3))
    needs_batch = True

    def __init__(self, channels: int, reduction: float = 16, dilation: int = 4, combine: str = "multiply") -> None:
        super().__init__()
        if combine not in COMBINE:
            raise UsageError(f"BAM's combine is {' or '.join(COMBINE)}, not {combine!r}.")
        if dilation < 1:
            raise UsageError(f"BAM's dilation is at least 1, not {dilation}.")
        hidden = reduced_channels(channels, reduction)
        self.combine = combine
        self.reduce = nn.Linear(channels, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.expand = nn.Linear(hidden, channels)
        dilated = [nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation) for _ in range(2)]
        self.convs = nn.ModuleList([nn.Conv2d(channels, hidden, 1), *dilated])
        self.norms = nn.ModuleList(nn.BatchNorm2d(hidden) for _ in self.convs)
        self.last = nn.Conv2d(hidden, 1, 1)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        # By key names, as in CBAM: convolutions are He fan-out, all biases 0, the MLP keeps torch's default.
        for layer in (self.reduce, self.expand):
            init_default(layer, generator)
            nn.init.zeros_(layer.bias)
        for conv in (*self.convs, self.last):
            assert isinstance(conv, nn.Conv2d)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
        for norm in (self.norm, *self.norms):
            assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
            norm.reset_parameters()

    def closing(self) -> tuple[Tensor, ...]:
        assert self.last.bias is not None
        spatial = (self.last.weight, self.last.bias)
        return spatial if self.combine == "multiply" else (*spatial, self.expand.weight, self.expand.bias)

    def closed_factor(self) -> float:
        return 1.5  # 1 + sigmoid(0)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> the channel branch (N, C, 1, 1) and the spatial branch (N, 1, H, W), before the sigmoid."""
        channel = self.expand(F.relu(self.norm(self.reduce(x.mean((2, 3))))))
        spatial = x
        for conv, norm in zip(self.convs, self.norms, strict=True):
            spatial = F.relu(norm(conv(spatial)))
        return channel[:, :, None, None], self.last(spatial)

    def gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape, in (0, 1)."""
        channel, spatial = self.branches(x)
        both = channel * spatial if self.combine == "multiply" else channel + spatial
        return torch.sigmoid(both).to(x.dtype)

    def attend(self, x: Tensor) -> Tensor:
        return x * (1 + self.gate(x))

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        return {"element": self.gate(x)}
