"""Multi-head self-attention with relative positions, as in BoTNet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, Place, init_default
from foveate.attention.queries import at_queries, central
from foveate.errors import UsageError


class BottleneckSelfAttention(Attention):
    """MHSA of BoTNet (Srinivas, Lin, Parmar, Shlens, Abbeel, Vaswani: CVPR 2021, section 3, figure 4).

        q, k, v = 1x1 convolutions of x, without bias, in `heads` heads of d = C / heads channels
        a_ij = softmax_j(d^-0.5 q_i . (k_j + rowwise_(row j - row i) + columnwise_(column j - column i)))

    It stands in the last stage, in place of the 3x3 convolution; stride 2 becomes 2x2 average pooling behind it.
    The tables of relative positions fix the size of the map (`size`: height and width, or one number for both):
    a network with it takes images of one size only. In a network of foveate, `size` follows from the input's.
    BoTNet's rule to start the last batch norm of the residual branch at 0 belongs to the backbone and is not
    applied.
    """

    place = Place("replace_conv2", stages=(4,))
    replaces_convolution = True

    def __init__(self, channels: int, size: int | Sequence[int] = (7, 7), heads: int = 4, stride: int = 1) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise UsageError(f"botnet's {heads} heads do not divide {channels} channels evenly.")
        if stride not in (1, 2):
            raise UsageError(f"botnet's stride is 1 or 2, not {stride!r}.")
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if len(self.size) != 2 or min(self.size) < 1:
            raise UsageError(
                f"botnet's size is the height and width of its feature map, such as 7 or [7, 7], not {size}."
            )
        self.heads, self.stride = heads, stride
        width = channels // heads
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.rowwise = nn.Parameter(torch.empty(2 * self.size[0] - 1, width))
        self.columnwise = nn.Parameter(torch.empty(2 * self.size[1] - 1, width))

    @classmethod
    def options_at(cls, stage: int, pixels: int, options: Mapping[str, Any]) -> dict[str, Any]:
        halvings = stage if options.get("stride") == 2 else stage + 1  # pooled behind the block, not before it
        return {"size": math.ceil(pixels / 2**halvings), **options}

    def reset_parameters(self, generator: Generator | None = None) -> None:
        init_default(self.qkv, generator)
        for table in (self.rowwise, self.columnwise):
            nn.init.normal_(table, std=table.shape[1] ** -0.5, generator=generator)

    def attend(self, x: Tensor) -> Tensor:
        query, key, value = self._heads(x)
        positions = self._positions(query).to(query.dtype)
        scale = query.shape[3] ** -0.5
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=positions, scale=scale)
        maps = mixed.transpose(2, 3).reshape(x.shape).to(x.dtype)
        return F.avg_pool2d(maps, 2, ceil_mode=True) if self.stride == 2 else maps

    def attention(self, x: Tensor, queries: Sequence[tuple[int, int]] | None = None) -> dict[str, Tensor]:
        """The affinity of query positions (row, column; the centre if none are given) to all others.

        "affinity": (N, queries, H, W), the mean over the heads. Raises UsageError for a query outside the map.
        """
        query, key, _ = self._heads(x)
        logits = query @ key.transpose(2, 3) * query.shape[3] ** -0.5 + self._positions(query)
        affinity = torch.softmax(logits, dim=3).mean(1)  # (N, S, S)
        chosen = at_queries(affinity, self.size, queries or central(x))  # (N, Q, S)
        return {"affinity": chosen.reshape(*chosen.shape[:2], *self.size)}

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, C, H, W) -> queries, keys and values (N, heads, S, d)."""
        if tuple(x.shape[2:]) != self.size:
            raise UsageError(
                f"this botnet block is for feature maps of {self.size[0]} x {self.size[1]}, not "
                f"{x.shape[2]} x {x.shape[3]}: its positions are learned for one size. Give `size`, or the network "
                "the pixels that it was made for."
            )
        shape = (x.shape[0], 3, self.heads, x.shape[1] // self.heads, math.prod(self.size))
        query, key, value = self.qkv(x).reshape(shape).transpose(3, 4).unbind(1)
        return query, key, value

    def _positions(self, query: Tensor) -> Tensor:
        """(N, heads, S, d) -> what relative positions add to the logits, (N, heads, S, S)."""
        height, width = self.size
        grid = (
            query.reshape(*query.shape[:2], *self.size, query.shape[3]) * query.shape[3] ** -0.5
        )  # (N, heads, H, W, d)
        by_row = torch.einsum("nhijd,ikd->nhijk", grid, _relative(self.rowwise, height).to(grid.dtype))
        by_column = torch.einsum("nhijd,jld->nhijl", grid, _relative(self.columnwise, width).to(grid.dtype))
        return (by_row[..., :, None] + by_column[..., None, :]).flatten(4, 5).flatten(2, 3)


def _relative(table: Tensor, length: int) -> Tensor:
    """(2 length - 1, d) -> (length, length, d): the entry of the distance from each place to each other."""
    places = torch.arange(length, device=table.device)
    return table[places[None, :] - places[:, None] + length - 1]
