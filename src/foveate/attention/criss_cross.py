"""Criss-cross attention: every position gathers from its own row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, Place, init_default, reduced_channels
from foveate.attention.queries import at_queries, central
from foveate.errors import UsageError


class CrissCross(Attention):
    """Criss-cross attention (Huang, Wang, Huang, Huang, Wei, Liu: CCNet, ICCV 2019, Eq. 1-2).

        a = softmax(q_u . k_v) over the H + W - 1 positions v in the row and the column of u
        y_u = gamma * sum_v a_uv value_v + x_u          q, k: C/8 channels, no scaling; gamma starts at 0

    With `recurrence=2` the same weights are applied twice (RCCA), after which every position has seen every
    other. The authors use it in a segmentation head only; here it stands behind the last stage. The bias of the
    key convolution can get no gradient, since a softmax does not see a constant; it stays for published weights.
    """

    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = (
        {"query": "query_conv", "key": "key_conv", "value": "value_conv"},
        {"query": "query_conv", "key": "key_conv", "value": "value_conv", "gamma": "gamma.scale"},  # mmcv
    )
    place = Place("after_stage", stages=(4,))

    def __init__(self, channels: int, reduction: float = 8, recurrence: int = 1) -> None:
        super().__init__()
        if recurrence < 1:
            raise UsageError(f"criss_cross needs a recurrence of at least 1, not {recurrence}.")
        hidden = reduced_channels(channels, reduction)
        self.recurrence = recurrence
        self.query = nn.Conv2d(channels, hidden, 1)
        self.key = nn.Conv2d(channels, hidden, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def reset_parameters(self, generator: Generator | None = None) -> None:
        for layer in (self.query, self.key, self.value):
            init_default(layer, generator)
        nn.init.zeros_(self.gamma)

    def closing(self) -> tuple[Tensor, ...]:
        return (self.gamma,)

    def closed_factor(self) -> float:
        return 1.0

    def attend(self, x: Tensor) -> Tensor:
        for _ in range(self.recurrence):
            in_column, in_row = self.weights(x)
            value = self.value(x)
            gathered = torch.einsum("nijk,nckj->ncij", in_column, value)
            gathered = gathered + torch.einsum("nijk,ncik->ncij", in_row, value)
            x = x + (self.gamma * gathered).to(x.dtype)
        return x

    def weights(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> weights in the column (N, H, W, H) and in the row (N, H, W, W) of each position.

        Together they sum to 1; the position itself counts once, in its row.
        """
        height = x.shape[2]
        query, key = self.query(x), self.key(x)
        column = torch.einsum("ncij,nckj->nijk", query, key)
        row = torch.einsum("ncij,ncik->nijk", query, key)
        itself = torch.eye(height, dtype=torch.bool, device=x.device)[:, None, :]  # (H, 1, H)
        column = column.masked_fill(itself, torch.finfo(column.dtype).min)
        both = torch.softmax(torch.cat([column, row], dim=3), dim=3)
        return both[..., :height], both[..., height:]

    def attention(self, x: Tensor, queries: Sequence[tuple[int, int]] | None = None) -> dict[str, Tensor]:
        """The affinity of query positions (row, column; the centre if none are given) to the whole map.

        "affinity": (N, queries, H, W), 0 off the cross; of the first pass where there are several. Raises
        UsageError for a query outside the map.
        """
        chosen = list(queries or central(x))
        in_column, in_row = self.weights(x)
        columns = at_queries(in_column.flatten(1, 2), x.shape[2:], chosen)  # (N, Q, H)
        rows = at_queries(in_row.flatten(1, 2), x.shape[2:], chosen)  # (N, Q, W)
        affinity = x.new_zeros(x.shape[0], len(chosen), *x.shape[2:])
        for number, (i, j) in enumerate(chosen):
            affinity[:, number, :, j] = columns[:, number]
            affinity[:, number, i, :] += rows[:, number]
        return {"affinity": affinity}
