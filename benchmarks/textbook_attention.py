"""The textbook forms of four attention blocks: the operations that their authors' code issues, one after another.

Written from the formulas. Each takes one of our blocks for its weights, so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveate.attention.base import Attention
from foveate.attention.cbam import CBAM
from foveate.attention.gc import GlobalContext
from foveate.attention.se import SqueezeExcitation
from foveate.attention.triplet import Triplet


def textbook(block: Attention) -> Callable[[Tensor], Tensor]:
    """The textbook form of a block of two dimensions, with the block's own weights."""
    if isinstance(block, SqueezeExcitation):
        return lambda x: se(block, x)
    if isinstance(block, CBAM):
        return lambda x: cbam(block, x)
    if isinstance(block, GlobalContext):
        return lambda x: gc(block, x)
    assert isinstance(block, Triplet)
    return lambda x: triplet(block, x)


def se(block: SqueezeExcitation, x: Tensor) -> Tensor:
    squeezed = F.adaptive_avg_pool2d(x, 1).flatten(1)
    gate = torch.sigmoid(block.expand(F.relu(block.reduce(squeezed))))
    return x * gate[:, :, None, None].expand_as(x)


def cbam(block: CBAM, x: Tensor) -> Tensor:
    size = (x.shape[2], x.shape[3])
    pools = F.avg_pool2d(x, size, stride=size), F.max_pool2d(x, size, stride=size)
    of_mean, of_maximum = (block.expand(F.relu(block.reduce(pool.flatten(1)))) for pool in pools)
    x = x * torch.sigmoid(of_mean + of_maximum)[:, :, None, None].expand_as(x)
    return _gated_by_first_axis(block.conv, block.norm, x)


def gc(block: GlobalContext, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    if block.mask is None:
        context = F.adaptive_avg_pool2d(x, 1)
    else:
        weights = torch.softmax(block.mask(x).reshape(batch, 1, height * width), dim=2).unsqueeze(3)
        values = x.reshape(batch, channels, height * width).unsqueeze(1)  # (N, 1, C, HW)
        context = torch.matmul(values, weights).view(batch, channels, 1, 1)
    if block.multiply is not None:
        x = x * torch.sigmoid(_transformed(block.multiply, context))
    if block.add is not None:
        x = x + _transformed(block.add, context)
    return x


def triplet(block: Triplet, x: Tensor) -> Tensor:
    heights = x.permute(0, 2, 1, 3).contiguous()
    gated = _gated_by_first_axis(block.channel_width.conv, block.channel_width.norm, heights)
    over_height = gated.permute(0, 2, 1, 3).contiguous()
    widths = x.permute(0, 3, 2, 1).contiguous()
    gated = _gated_by_first_axis(block.channel_height.conv, block.channel_height.norm, widths)
    over_width = gated.permute(0, 3, 2, 1).contiguous()
    if block.spatial is None:
        return (over_height + over_width) / 2
    return (_gated_by_first_axis(block.spatial.conv, block.spatial.norm, x) + over_height + over_width) / 3


def _gated_by_first_axis(convolution: nn.Module, norm: nn.Module, x: Tensor) -> Tensor:
    pools = torch.cat([torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)], dim=1)
    return x * torch.sigmoid(norm(convolution(pools)))


def _transformed(transform: nn.Module, context: Tensor) -> Tensor:
    """The transform's layers as 1 x 1 convolutions and a norm over (P, 1, 1): (N, C, 1, 1) -> the same."""
    reduce, norm, expand = (transform.get_submodule(name) for name in ("reduce", "norm", "expand"))
    assert isinstance(reduce, nn.Linear)
    assert isinstance(norm, nn.LayerNorm)
    assert isinstance(expand, nn.Linear)
    hidden = F.conv2d(context, reduce.weight[:, :, None, None], reduce.bias)
    shape = [norm.weight.numel(), 1, 1]
    hidden = F.relu(F.layer_norm(hidden, shape, norm.weight.view(shape), norm.bias.view(shape), norm.eps))
    return F.conv2d(hidden, expand.weight[:, :, None, None], expand.bias)
