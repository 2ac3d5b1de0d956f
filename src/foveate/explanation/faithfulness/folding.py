"""The same network in fewer steps: each batch norm of a trained network taken into the convolution before it."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from foveate.models.placement import AFTER_CONV2
from foveate.models.resnet import BasicBlock, Bottleneck, ResNet


def folded(network: ResNet) -> ResNet:
    """A copy in evaluation mode that gives the same logits, but for rounding, in about a sixth less time on a CPU."""
    copied = copy.deepcopy(network).eval()
    _fold(copied, "conv1", "bn1")
    for block in copied.modules():
        # Not a plugin's own block, whose branch may be another
        if isinstance(block, BasicBlock | Bottleneck) and type(block) in (BasicBlock, Bottleneck):
            fold_block(block)
    return copied


def fold_block(block: BasicBlock | Bottleneck) -> None:
    """Fold a residual block's norms in place, in evaluation mode.

    Where attention stands between a convolution and its norm, or in place of the convolution, both stay as they are.
    """
    _fold(block, "conv1", "bn1")
    if block.where != AFTER_CONV2 and isinstance(block.conv2, nn.Conv2d):
        _fold(block, "conv2", "bn2")
    if isinstance(block, Bottleneck):
        _fold(block, "conv3", "bn3")
    if block.downsample is not None:
        _fold(block.downsample, "0", "1")


def _fold(parent: nn.Module, convolution: str, norm: str) -> None:
    first, second = parent.get_submodule(convolution), parent.get_submodule(norm)
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.BatchNorm2d)
    setattr(parent, convolution, fuse_conv_bn_eval(first, second))
    setattr(parent, norm, nn.Identity())
