"""Gather-Excite: a gate for each neighbourhood of each channel."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, init_default, reduced_channels
from foveate.errors import UsageError

GLOBAL = 0
EXTENTS = (GLOBAL, 2, 4, 8)
VARIANTS = ("theta-", "theta", "theta+")


class GatherExcite(Attention):
    """Gather-Excite (Hu, Shen, Albanie, Sun, Vedaldi: NeurIPS 2018).

        y = x * sigmoid(upsample(gather(x)))          nearest-neighbour upsampling

    `variant="theta-"` gathers means over `extent` positions and has no parameters: average pooling of kernel
    2e - 1 and stride e, or over the whole map for extent 0. "theta" gathers with log2(e) depthwise 3x3 convolutions
    of stride 2, each with a batch norm. "theta+" adds a bottleneck of two 1x1 convolutions before the sigmoid. The
    authors published Caffe code and no weights, so none can be loaded. Their global learned gather has a kernel of
    the map's size; here the learned variants need an extent of 2, 4 or 8, and so fit any size.
    """

    def __init__(
        self, channels: int, variant: str = "theta-", extent: int | None = None, reduction: float = 16
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise UsageError(f"gather_excite has no variant {variant!r}: known are {', '.join(VARIANTS)}.")
        learned = variant != "theta-"
        self.extent = (8 if learned else GLOBAL) if extent is None else extent
        if self.extent not in EXTENTS or (learned and self.extent == GLOBAL):
            known = EXTENTS[1:] if learned else EXTENTS
            raise UsageError(
                f"gather_excite's extent with variant {variant} is one of {', '.join(map(str, known))}, "
                f"not {self.extent!r}."
            )
        steps = self.extent.bit_length() - 1 if learned else 0
        self.gather = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False) for _ in range(steps)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(steps))
        hidden = reduced_channels(channels, reduction)
        self.reduce = nn.Conv2d(channels, hidden, 1) if variant == "theta+" else None
        self.expand = nn.Conv2d(hidden, channels, 1) if variant == "theta+" else None

    def reset_parameters(self, generator: Generator | None = None) -> None:
        for conv, norm in zip(self.gather, self.norms, strict=True):
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            norm.reset_parameters()
        for layer in (self.reduce, self.expand):
            if layer is not None:
                init_default(layer, generator)

    def closing(self) -> tuple[Tensor, ...]:
        if self.expand is not None:
            assert self.expand.bias is not None
            return (self.expand.weight, self.expand.bias)
        if len(self.norms):
            return tuple(self.norms[-1].parameters())
        return ()

    def fewest_positions(self, x: Tensor) -> int:
        return math.prod(math.ceil(side / 2 ** len(self.norms)) for side in x.shape[2:])

    def gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, h, w) in (0, 1), before it is enlarged."""
        if len(self.gather):
            gathered = x
            for step, (conv, norm) in enumerate(zip(self.gather, self.norms, strict=True)):
                gathered = norm(conv(F.relu(gathered) if step else gathered))
        elif self.extent == GLOBAL:
            gathered = x.mean((2, 3), keepdim=True)
        else:
            e = self.extent
            gathered = F.avg_pool2d(x, 2 * e - 1, stride=e, padding=e - 1, count_include_pad=False)
        if self.reduce is not None and self.expand is not None:
            gathered = self.expand(F.relu(self.reduce(gathered)))
        return torch.sigmoid(gathered).to(x.dtype)

    def attend(self, x: Tensor) -> Tensor:
        gate = self.gate(x)
        if self.extent != GLOBAL:
            gate = F.interpolate(gate, size=x.shape[2:], mode="nearest")
        return x * gate

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        gate = self.gate(x)
        if self.extent == GLOBAL:
            return {"channel": gate}
        return {"element": F.interpolate(gate, size=x.shape[2:], mode="nearest")}
