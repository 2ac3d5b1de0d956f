"""Squeeze-and-Excitation: a gate for each channel, from the channel means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, hidden_channels, init_default


class SqueezeExcitation(Attention):
    """SE (Hu, Shen, Sun: Squeeze-and-Excitation Networks, CVPR 2018, Eq. 2-4).

        z = mean_HW(x);  g = sigmoid(W2 relu(W1 z + b1) + b2);  y = x * g

    with W1 (C/r, C) and W2 (C, C/r). The authors' code (Caffe, hujie-frank/SENet) has biases; the PyTorch code
    that arXiv 2109.01486 used has none: `bias=False`. Initialisation: torch's default, as in the PyTorch ports.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {"reduce": "fc.0", "expand": "fc.2"},
    )  # moskomule/senet.pytorch

    def __init__(self, channels: int, reduction: float = 16, bias: bool = True) -> None:
        super().__init__()
        hidden = hidden_channels(channels, 1 / reduction if reduction else 0)
        self.reduce = nn.Linear(channels, hidden, bias=bias)
        self.expand = nn.Linear(hidden, channels, bias=bias)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        init_default(self.reduce, generator)
        init_default(self.expand, generator)

    def closing(self) -> tuple[Tensor, ...]:
        return tuple(self.expand.parameters())

    def gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C) in (0, 1)."""
        return torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3))))))

    def attend(self, x: Tensor) -> Tensor:
        return x * self.gate(x).to(x.dtype)[:, :, None, None]

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        return {"channel": self.gate(x).to(x.dtype)[:, :, None, None]}
