"""SimAM: a gate for each element, from how far it stands out of its own feature map; no parameters."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from foveate.attention.base import Attention, Place
from foveate.errors import UsageError


class SimAM(Attention):
    """SimAM (Yang, Zhang, Li, Xie: ICML 2021, Eq. 5 and 8).

        d = (x - mean_HW x)^2;   v = sum_HW d / (HW - 1);   y = x * sigmoid(d / (4 (v + lambda)) + 1/2)

    It has no parameters. Its authors place it after the 3x3 convolution, before the batch norm. It is computed in
    float32 at least, since squares of bfloat16 lose what the gate is about; in a map of one position d is 0.
    """

    place = Place("after_conv2")

    def __init__(self, channels: int, regularisation: float = 1e-4) -> None:
        super().__init__()
        if not regularisation > 0:
            raise UsageError(f"SimAM's regularisation (lambda) is greater than 0, not {regularisation!r}.")
        self.regularisation = regularisation

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Nothing to initialise."""

    def gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape, in (0.5, 1), float32 or float64."""
        wide = x.double() if x.dtype == torch.float64 else x.float()
        distance = (wide - wide.mean((2, 3), keepdim=True)).square()
        variance = distance.sum((2, 3), keepdim=True) / max(math.prod(x.shape[2:]) - 1, 1)
        return torch.sigmoid(distance / (4 * (variance + self.regularisation)) + 0.5)

    def attend(self, x: Tensor) -> Tensor:
        return (x * self.gate(x)).to(x.dtype)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        return {"element": self.gate(x).to(x.dtype)}
