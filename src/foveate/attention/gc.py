"""Global Context: one attention map pools a context vector, which is added to every position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention import fused
from foveate.attention.base import Attention, hidden_channels, init_default
from foveate.attention.dimensions import CONVOLUTIONS, broadcast, check_dims, positions
from foveate.attention.fused_context import added, attended
from foveate.config import did_you_mean
from foveate.errors import UsageError

FUSIONS = ("channel_add", "channel_mul")
POOLINGS = ("att", "avg")


class GlobalContext(Attention):
    """GC block (Cao, Xu, Lin, Wei, Hu: GCNet, ICCV-W 2019, Eq. 4), as in the authors' code (xvjiarui/GCNet).

        a = softmax_HW(w_k x + b_k)  (N, 1, H, W);   c = sum_HW a x  (N, C)     [pooling="avg": c = mean_HW x]
        t(c) = W2 relu(LN(W1 c + b1)) + b2
        y = x * sigmoid(t_mul(c)) + t_add(c)          with the parts that `fusion` names

    The last layer of each transform starts at 0, so channel_add starts as the identity (and channel_mul as a
    half). The authors place it in bottlenecks only, and give no default ratio: their configurations have 1/16
    and 1/4. `mask.bias` can get no gradient, since a softmax does not see a constant; it stays for their weights.
    `dims` is 1, 2 or 3 for (N, C, L), (N, C, H, W) or (N, C, D, H, W).
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {
            "mask": "conv_mask",
            "add.reduce": "channel_add_conv.0",
            "add.norm": "channel_add_conv.1",
            "add.expand": "channel_add_conv.3",
            "multiply.reduce": "channel_mul_conv.0",
            "multiply.norm": "channel_mul_conv.1",
            "multiply.expand": "channel_mul_conv.3",
        },
    )

    def __init__(
        self,
        channels: int,
        ratio: float = 1 / 16,
        pooling: str = "att",
        fusion: Sequence[str] = ("channel_add",),
        dims: int = 2,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise UsageError(f"GC has no pooling {pooling!r}: give one of {', '.join(POOLINGS)}.")
        wrong = [name for name in fusion if name not in FUSIONS]
        if wrong or not fusion or isinstance(fusion, str):
            meant = did_you_mean(str(wrong[0]), list(FUSIONS)) if wrong and not isinstance(fusion, str) else ""
            raise UsageError(f"GC's fusion is a list of {' and/or '.join(FUSIONS)}, not {fusion!r}{meant}.")
        check_dims(dims)
        self.dims = dims
        hidden = hidden_channels(channels, ratio)
        self.mask = CONVOLUTIONS[dims](channels, 1, 1) if pooling == "att" else None
        self.add = _Transform(channels, hidden) if "channel_add" in fusion else None
        self.multiply = _Transform(channels, hidden) if "channel_mul" in fusion else None

    def reset_parameters(self, generator: Generator | None = None) -> None:
        if self.mask is not None:
            nn.init.kaiming_normal_(self.mask.weight, mode="fan_in", nonlinearity="relu", generator=generator)
            assert self.mask.bias is not None
            nn.init.zeros_(self.mask.bias)
        for transform in (self.add, self.multiply):
            if transform is not None:
                init_default(transform.reduce, generator)
                transform.norm.reset_parameters()
                nn.init.zeros_(transform.expand.weight)
                nn.init.zeros_(transform.expand.bias)

    def closing(self) -> tuple[Tensor, ...]:
        transforms = [transform for transform in (self.add, self.multiply) if transform is not None]
        return tuple(parameter for transform in transforms for parameter in transform.expand.parameters())

    def closed_factor(self) -> float:
        return 1.0 if self.multiply is None else 0.5

    def weights(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, HW): the attention map, which sums to 1."""
        if self.mask is None:
            return x.new_ones(()).expand(x.shape[0], 1, x[0, 0].numel()) / x[0, 0].numel()
        return torch.softmax(self.mask(x).flatten(2), dim=2).to(x.dtype)

    def context(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C): the mean of the positions, weighted by the block's own attention map."""
        if self.mask is None:
            return x.mean(positions(self.dims))
        return torch.matmul(x.flatten(2), self.weights(x).transpose(1, 2)).squeeze(2)

    def attend(self, x: Tensor) -> Tensor:
        if self.mask is not None and fused.pays_for_products(x):
            return self._fused(x)
        context = self.context(x)
        if self.multiply is not None:
            x = x * broadcast(torch.sigmoid(self.multiply(context)).to(x.dtype), self.dims)
        if self.add is not None:
            x = x + broadcast(self.add(context).to(x.dtype), self.dims)
        return x

    @torch.no_grad()
    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """The map: context (N, 1, H, W), which sums to 1; the same everywhere for pooling="avg"."""
        return {"context": self.weights(x).reshape(x.shape[0], 1, *x.shape[2:])}

    def _fused(self, x: Tensor) -> Tensor:
        assert self.mask is not None
        assert self.mask.bias is not None
        x, context = attended(x, self.mask.weight, self.mask.bias)
        if self.multiply is not None:
            x = fused.gated(x, torch.sigmoid(self.multiply(context)).to(x.dtype))
        if self.add is not None:
            x = added(x, self.add(context).to(x.dtype))
        return x


class _Transform(nn.Module):
    """The bottleneck on a context vector: (N, C) -> (N, C), with a layer norm over the hidden units alone."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.expand = nn.Linear(hidden, channels)

    def forward(self, context: Tensor) -> Tensor:
        transformed: Tensor = self.expand(F.relu(self.norm(self.reduce(context))))
        return transformed
