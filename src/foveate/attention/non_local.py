"""Non-local block: every position gathers from all others, weighted by how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.utils.checkpoint import checkpoint

from foveate.attention.base import Attention, Place, reduced_channels
from foveate.attention.queries import at_queries, central
from foveate.config import did_you_mean
from foveate.errors import UsageError

KINDS = ("embedded_gaussian", "gaussian", "dot_product", "concatenation")
QUERIES_AT_ONCE = 256  # concatenation: rows of the affinity that exist at one time


class NonLocal(Attention):
    """Non-local block (Wang, Girshick, Gupta, He: CVPR 2018, Eq. 1-6).

        y_i = sum_j a_ij g(x_j);   z = x + BN(W y)          g, theta, phi: 1x1 convolutions to C/2 channels
        embedded_gaussian: a = softmax_j(theta_i . phi_j / sqrt(C/2))    gaussian: a = softmax_j(x_i . x_j)
        dot_product:       a = theta_i . phi_j / S                       concatenation: relu(w [theta_i, phi_j]) / S

    `scale=False` leaves out the square root, which stands in the authors' code and not in the paper. `sub_sample`
    pools keys and values 2x2 (S/4 of them); `pool_first` pools before their convolutions, as the authors' Caffe2
    code does, instead of after them, as the PyTorch port whose weights are around does (AlexHex7). The batch
    norm's weight starts at 0, so the block starts as the identity; convolutions start normal with deviation 0.01.

    No S x S map is kept, so memory is linear in the number of positions S: the softmax forms go through fused
    attention, the dot product is multiplied from the right, concatenation is recomputed in the backward pass. The
    biases of phi (with a softmax), g and W can get no gradient; they stay for published weights.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {"query": "theta", "key": "phi.0", "value": "g.0", "out": "W.0", "norm": "W.1", "pair": "concat_project.0"},
        {"query": "theta", "key": "phi", "value": "g", "out": "W.0", "norm": "W.1", "pair": "concat_project.0"},
    )
    place = Place("after_block", stages=(2, 3), every=2)

    def __init__(
        self,
        channels: int,
        reduction: float = 2,
        kind: str = "embedded_gaussian",
        sub_sample: bool = True,
        pool_first: bool = False,
        scale: bool = True,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            meant = did_you_mean(str(kind), list(KINDS))
            raise UsageError(f"non_local has no kind {kind!r}{meant}: known are {', '.join(KINDS)}.")
        hidden = reduced_channels(channels, reduction)
        self.kind, self.sub_sample, self.pool_first = kind, sub_sample, pool_first
        embedded = kind != "gaussian"
        self.query = nn.Conv2d(channels, hidden, 1) if embedded else None
        self.key = nn.Conv2d(channels, hidden, 1) if embedded else None
        self.value = nn.Conv2d(channels, hidden, 1)
        self.pair = nn.Conv2d(2 * hidden, 1, 1, bias=False) if kind == "concatenation" else None
        self.out = nn.Conv2d(hidden, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        self.scale = hidden**-0.5 if scale and embedded else 1.0

    def reset_parameters(self, generator: Generator | None = None) -> None:
        for layer in (self.query, self.key, self.value, self.pair, self.out):
            if layer is not None:
                nn.init.normal_(layer.weight, std=0.01, generator=generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        self.norm.reset_parameters()
        nn.init.zeros_(self.norm.weight)

    def closing(self) -> tuple[Tensor, ...]:
        return (self.norm.weight, self.norm.bias)

    def closed_factor(self) -> float:
        return 1.0

    def attend(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        query, key, value = self._embed(x)  # (N, S, c), (N, S', c), (N, S', hidden)
        if self.kind == "dot_product":
            gathered = query @ (key.transpose(1, 2) @ value) / key.shape[1]  # (c, hidden) first: no S x S' map
        elif self.kind == "concatenation":
            gathered = self._concatenation(query, key, value)
        else:
            wide = F.pad(value, (0, query.shape[2] - value.shape[2]))  # fused attention wants one width for all
            gathered = F.scaled_dot_product_attention(query[:, None], key[:, None], wide[:, None], scale=self.scale)[
                :, 0, :, : value.shape[2]
            ]
        maps = gathered.transpose(1, 2).reshape(x.shape[0], gathered.shape[2], height, width)
        out: Tensor = x + self.norm(self.out(maps)).to(x.dtype)
        return out

    def attention(self, x: Tensor, queries: Sequence[tuple[int, int]] | None = None) -> dict[str, Tensor]:
        """The affinity of query positions (row, column; the centre if none are given) to all keys.

        "affinity": (N, queries, H', W'), with H' = H // 2 where keys are sub-sampled. Raises UsageError for a
        query outside the map.
        """
        query, key, _ = self._embed(x)
        rows = at_queries(query, x.shape[2:], queries or central(x))  # (N, queries, c)
        affinity = self._affinity(rows, key)
        grid = (x.shape[2] // 2, x.shape[3] // 2) if self._pools(x) else x.shape[2:]
        return {"affinity": affinity.reshape(*affinity.shape[:2], *grid)}

    def _pools(self, x: Tensor) -> bool:
        return self.sub_sample and x.shape[2] > 1 and x.shape[3] > 1

    def _embed(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (N, S, c), keys (N, S', c) and values (N, S', hidden)."""
        source = F.max_pool2d(x, 2) if self._pools(x) and self.pool_first else x
        query = x if self.query is None else self.query(x)
        key = source if self.key is None else self.key(source)
        value = self.value(source)
        if self._pools(x) and not self.pool_first:
            key, value = F.max_pool2d(key, 2), F.max_pool2d(value, 2)
        # Under autocast the convolutions decide the dtype; fused attention is taken for dense rows only.
        dtype = value.dtype
        query, key, value = (part.to(dtype).flatten(2).transpose(1, 2).contiguous() for part in (query, key, value))
        return query, key, value

    def _affinity(self, query: Tensor, key: Tensor) -> Tensor:
        """(N, Q, c) and (N, S', c) -> (N, Q, S')."""
        if self.kind == "dot_product":
            return query @ key.transpose(1, 2) / key.shape[1]
        if self.kind == "concatenation":
            assert self.pair is not None
            weights = self.pair.weight.flatten()
            of_query, of_key = query @ weights[: query.shape[2]], key @ weights[query.shape[2] :]
            return F.relu(of_query[:, :, None] + of_key[:, None, :]) / key.shape[1]
        return torch.softmax(query @ key.transpose(1, 2) * self.scale, dim=2)

    def _concatenation(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """A few queries at a time; their affinities are computed again in the backward pass."""

        def gather(part: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return self._affinity(part, key) @ value

        parts = [query[:, i : i + QUERIES_AT_ONCE] for i in range(0, query.shape[1], QUERIES_AT_ONCE)]
        if not torch.is_grad_enabled():
            return torch.cat([gather(part, key, value) for part in parts], dim=1)
        return torch.cat([checkpoint(gather, part, key, value, use_reentrant=False) for part in parts], dim=1)
