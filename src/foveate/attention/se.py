"""Squeeze-and-Excitation: a gate for each channel, from the channel means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention import fused
from foveate.attention.base import Attention, init_default, reduced_channels
from foveate.attention.dimensions import broadcast, check_dims, positions
from foveate.errors import UsageError

_LARGE = 2**21  # elements of a batch in full precision; from about here on the fast path takes less time


class SqueezeExcitation(Attention):
    """SE (Hu, Shen, Sun: Squeeze-and-Excitation Networks, CVPR 2018, Eq. 2-4).

        z = mean_HW(x);  g = sigmoid(W2 relu(W1 z + b1) + b2);  y = x * g

    with W1 (C/r, C) and W2 (C, C/r). The authors' code (Caffe, hujie-frank/SENet) has biases; the PyTorch code
    that arXiv 2109.01486 used has none: `bias=False`. Initialisation: torch's default, as in the PyTorch ports.
    `divisor` rounds the C/r hidden units to its multiples as timm does (rd_divisor, there 8); `dims` is 1, 2 or 3
    for (N, C, L), (N, C, H, W) or (N, C, D, H, W).
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {"reduce": "fc.0", "expand": "fc.2"},  # moskomule/senet.pytorch
        {"reduce": "fc1", "expand": "fc2"},  # torchvision, timm
        {"reduce": "conv_down", "expand": "conv_up"},  # StickCui/PyTorch-SE-ResNet
    )

    def __init__(
        self, channels: int, reduction: float = 16, bias: bool = True, divisor: int = 1, dims: int = 2
    ) -> None:
        super().__init__()
        if divisor < 1:
            raise UsageError(f"SE's divisor must be at least 1, not {divisor}.")
        check_dims(dims)
        hidden = reduced_channels(channels, reduction)
        if divisor > 1:
            hidden = max(divisor, int(channels / reduction + divisor / 2) // divisor * divisor)
        self.dims = dims
        self.reduce = nn.Linear(channels, hidden, bias=bias)
        self.expand = nn.Linear(hidden, channels, bias=bias)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        init_default(self.reduce, generator)
        init_default(self.expand, generator)

    def closing(self) -> tuple[Tensor, ...]:
        return tuple(self.expand.parameters())

    def gate(self, mean: Tensor) -> Tensor:
        """Channel means (N, C) -> (N, C) in (0, 1)."""
        return torch.sigmoid(self.expand(F.relu(self.reduce(mean)))).to(mean.dtype)

    def attend(self, x: Tensor) -> Tensor:
        if fused.pays_for(x) and not x.is_contiguous() and (x.dtype.itemsize < 4 or x.numel() >= _LARGE):
            x, mean = fused.mean_of_positions(x)
            return fused.gated(x, self.gate(mean))
        return x * broadcast(self.gate(x.mean(positions(self.dims))), self.dims)

    @torch.no_grad()
    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """The gate: channel (N, C, 1, 1)."""
        return {"channel": broadcast(self.gate(x.mean(positions(self.dims))), self.dims)}
