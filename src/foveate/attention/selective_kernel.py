"""Selective kernel: convolutions of several reaches, mixed for each channel by attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, Place, init_default
from foveate.errors import UsageError


class SelectiveKernel(Attention):
    """SK convolution (Li, Wang, Hu, Yang: SKNet, CVPR 2019, Eq. 1-6).

        U_m = relu(BN(conv3x3 x)) with dilation m = 1 .. M, grouped;   z = relu(BN(W mean_HW sum_m U_m))
        a = softmax over m of (A_m z);   V = sum_m a_m U_m

    z has max(C/r, 32) channels. It stands for a 3x3 convolution of the network, so at no weights is it the
    identity. The authors published Caffe code and no PyTorch weights. z's batch norm sees one value an image, so a
    batch of one cannot train.
    """

    place = Place("replace_conv2")
    needs_batch = True
    replaces_convolution = True

    def __init__(
        self,
        channels: int,
        reduction: float = 16,
        least_hidden: int = 32,
        groups: int = 32,
        branches: int = 2,
        stride: int = 1,
    ) -> None:
        super().__init__()
        if branches < 2:
            raise UsageError(f"selective_kernel chooses between at least 2 branches, not {branches}.")
        if groups < 1 or channels % groups:
            raise UsageError(f"selective_kernel's {groups} groups do not divide {channels} channels evenly.")
        if not reduction >= 1 or least_hidden < 1:
            raise UsageError("selective_kernel's reduction and least_hidden are at least 1.")
        hidden = max(int(channels / reduction), least_hidden)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride, padding=m, dilation=m, groups=groups, bias=False)
            for m in range(1, branches + 1)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(branches))
        self.reduce = nn.Linear(channels, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.choose = nn.ModuleList(nn.Linear(hidden, channels) for _ in range(branches))

    def reset_parameters(self, generator: Generator | None = None) -> None:
        for conv in self.convs:
            assert isinstance(conv, nn.Conv2d)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        for norm in (*self.norms, self.norm):
            assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
            norm.reset_parameters()
        for layer in (self.reduce, *self.choose):
            assert isinstance(layer, nn.Linear)
            init_default(layer, generator)

    def weights(self, branches: list[Tensor]) -> Tensor:
        """M feature maps (N, C, H, W) -> (N, M, C), which sum to 1 over M."""
        means = torch.stack(branches).sum(0).mean((2, 3))
        hidden = F.relu(self.norm(self.reduce(means)))
        return torch.softmax(torch.stack([layer(hidden) for layer in self.choose], dim=1), dim=1)

    def _branches(self, x: Tensor) -> list[Tensor]:
        return [F.relu(norm(conv(x))) for conv, norm in zip(self.convs, self.norms, strict=True)]

    def attend(self, x: Tensor) -> Tensor:
        branches = self._branches(x)
        weights = self.weights(branches).to(branches[0].dtype)[..., None, None]  # (N, M, C, 1, 1)
        mixed = branches[0] * weights[:, 0]
        for number, branch in enumerate(branches[1:], start=1):
            mixed = mixed + branch * weights[:, number]
        return mixed.to(x.dtype)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """The share of each branch: "dilation_1", "dilation_2", ...: (N, C, 1, 1)."""
        weights = self.weights(self._branches(x)).to(x.dtype)
        return {f"dilation_{m + 1}": weights[:, m, :, None, None] for m in range(weights.shape[1])}
