"""Coordinate attention: gates for rows and for columns of each channel, from the means along the other axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, init_default, reduced_channels

LEAST_HIDDEN = 8


class Coordinate(Attention):
    """Coordinate attention (Hou, Zhou, Feng: CVPR 2021, Eq. 4-8), as in the authors' code (houqb/CoordAttention).

        f = hardswish(BN(W1 [mean_W x ; mean_H x]))   over H + W positions, max(8, C/32) channels
        y = x * sigmoid(Wh f_H) * sigmoid(Ww f_W)

    All convolutions have biases. The bias of the first can get no gradient, since the batch norm takes it away
    again; it stays for the authors' weights. Means are taken with `mean`: adaptive pooling exports to ONNX wrongly
    for sizes other than the traced one.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {"reduce": "conv1", "norm": "bn1", "expand_height": "conv_h", "expand_width": "conv_w"},
    )

    def __init__(self, channels: int, reduction: float = 32) -> None:
        super().__init__()
        hidden = max(LEAST_HIDDEN, reduced_channels(channels, reduction))
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.norm = nn.BatchNorm2d(hidden)
        self.expand_height = nn.Conv2d(hidden, channels, 1)
        self.expand_width = nn.Conv2d(hidden, channels, 1)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        for layer in (self.reduce, self.expand_height, self.expand_width):
            init_default(layer, generator)
        self.norm.reset_parameters()

    def closing(self) -> tuple[Tensor, ...]:
        assert self.expand_height.bias is not None
        assert self.expand_width.bias is not None
        return (
            self.expand_height.weight,
            self.expand_height.bias,
            self.expand_width.weight,
            self.expand_width.bias,
        )

    def closed_factor(self) -> float:
        return 0.25  # two gates of a half

    def gates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> gates of the rows (N, C, H, 1) and of the columns (N, C, 1, W)."""
        height = x.shape[2]
        rows = x.mean(3, keepdim=True)  # (N, C, H, 1)
        columns = x.mean(2, keepdim=True).transpose(2, 3)  # (N, C, W, 1)
        both = F.hardswish(self.norm(self.reduce(torch.cat([rows, columns], dim=2))))  # (N, hidden, H + W, 1)
        by_row = torch.sigmoid(self.expand_height(both[:, :, :height]))
        by_column = torch.sigmoid(self.expand_width(both[:, :, height:].transpose(2, 3)))
        return by_row.to(x.dtype), by_column.to(x.dtype)

    def attend(self, x: Tensor) -> Tensor:
        by_row, by_column = self.gates(x)
        return x * by_column * by_row

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        by_row, by_column = self.gates(x)
        return {"height": by_row, "width": by_column}
