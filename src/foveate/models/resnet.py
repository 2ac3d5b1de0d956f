"""The residual networks: ResNet-18 as the paper uses it, and its deeper siblings by the same code."""

from __future__ import annotations

import abc
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, init_default, init_he
from foveate.errors import UsageError
from foveate.models.placement import AFTER_BLOCK, AFTER_CONV2, BEFORE_ADDITION, REPLACE_CONV2, Placement

WIDTHS = (64, 128, 256, 512)


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


class _Block(nn.Module, abc.ABC):
    """What both kinds of residual block share: a branch, a shortcut, and attention at a place."""

    expansion = 1  # output channels over the width

    def __init__(self, in_channels: int, out_channels: int, stride: int, attention: Attention | None, where: str):
        super().__init__()
        self.attention = attention
        self.where = where if attention is not None else ""
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    @abc.abstractmethod
    def branch(self, x: Tensor) -> Tensor:
        """The convolutions beside the shortcut: (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride)."""

    def attend(self, where: str, x: Tensor) -> Tensor:
        """x through the attention, if this is its place."""
        return self.attention(x) if self.attention is not None and self.where == where else x

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.attend(BEFORE_ADDITION, self.branch(x))
        return self.attend(AFTER_BLOCK, F.relu(x + shortcut, inplace=True))


class BasicBlock(_Block):
    """Two 3x3 convolutions and a shortcut: relu(attention(bn(conv(relu(bn(conv x))))) + shortcut(x))."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int,
        attention: Attention | None = None,
        where: str = BEFORE_ADDITION,
    ) -> None:
        super().__init__(in_channels, width, stride, None if where == REPLACE_CONV2 else attention, where)
        self.conv1 = conv3x3(in_channels, width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = attention if attention is not None and where == REPLACE_CONV2 else conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)

    def branch(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.attend(AFTER_CONV2, self.conv2(x))
        out: Tensor = self.bn2(x)
        return out


class Bottleneck(_Block):
    """1x1, 3x3, 1x1 convolutions and a shortcut; the 3x3 has the stride, as in torchvision."""

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int,
        attention: Attention | None = None,
        where: str = BEFORE_ADDITION,
    ) -> None:
        super().__init__(in_channels, 4 * width, stride, None if where == REPLACE_CONV2 else attention, where)
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = attention if attention is not None and where == REPLACE_CONV2 else conv3x3(width, width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)

    def branch(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.attend(AFTER_CONV2, self.conv2(x))
        x = F.relu(self.bn2(x), inplace=True)
        out: Tensor = self.bn3(self.conv3(x))
        return out


Backbone = tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]
# The block, and how many of them in each of the four stages (He et al. 2016, table 1).
BACKBONES: dict[str, Backbone] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
}


def require_backbone(entry: Any) -> None:
    """Raises UsageError for what is no `Backbone`."""
    right = (
        "a backbone is a subclass of BasicBlock or Bottleneck and how many of them each of the four stages has, such "
        "as (BasicBlock, (2, 2, 2, 2))"
    )
    if not isinstance(entry, tuple) or len(entry) != 2:
        raise UsageError(f"{right}, not {entry!r}.")
    block, depths = entry
    if not isinstance(block, type) or not issubclass(block, (BasicBlock, Bottleneck)):
        raise UsageError(f"{right}, not {block!r}.")
    if len(depths) != 4 or not all(isinstance(depth, int) and depth > 0 for depth in depths):
        raise UsageError(f"{right}: not {depths!r} of them.")


class ResNet(nn.Module):
    """A residual network (He, Zhang, Ren, Sun: CVPR 2016) with global average pooling.

    State-dict keys are torchvision's; attention adds `layerI.J.attention.*` inside the residual blocks and
    `layerI.attention.*` around or behind a stage, or stands at `layerI.J.conv2` where it replaces the convolution.
    """

    def __init__(self, backbone: str, placement: Placement, num_classes: int, in_channels: int) -> None:
        super().__init__()
        block, depths = BACKBONES[backbone]
        where = placement.place.where
        self.conv1 = nn.Conv2d(in_channels, WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        channels = WIDTHS[0]
        stages = []
        for stage, (depth, width) in enumerate(zip(depths, WIDTHS, strict=True), start=1):
            blocks = []
            at_conv2 = width if where in (AFTER_CONV2, REPLACE_CONV2) else width * block.expansion
            for position in range(depth):
                stride = 2 if stage > 1 and position == 0 else 1
                # A basic block's first convolution has the stride, a bottleneck's second.
                at_stride = stride if issubclass(block, Bottleneck) else 1
                attention = placement.in_block(stage, position, at_conv2, at_stride)
                blocks.append(block(channels, width, stride, attention, where))
                channels = width * block.expansion
            stages.append(placement.stage(blocks, stage, channels))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(channels, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, C, H/32, W/32): the input of the global average pooling."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x

    def forward_head(self, features: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, num_classes) logits."""
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def attention_blocks(self) -> dict[str, Attention]:
        """The attention blocks by their place in the network, such as "layer1.0.attention"."""
        return {name: module for name, module in self.named_modules() if isinstance(module, Attention)}

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters that belong out of weight decay: what each mechanism's authors say."""
        return {
            f"{place}.{name}" for place, block in self.attention_blocks().items() for name in block.no_weight_decay()
        }

    def on(self, device: torch.device) -> ResNet:
        """Move to a device, in channels_last, the memory format that convolutions are fast in."""
        return self.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    @torch.no_grad()
    def reset_parameters(self, generator: Generator | None = None, attention_init: str = "official") -> None:
        """He's initialisation (normal, fan-out) of the backbone; each attention block keeps its authors' own.

        `attention_init="identity"` lets the blocks begin as the identity; "he" lets the backbone's rule reach into
        them too. The head keeps torch's default, as in torchvision's ResNet.
        """
        init_he(self, generator)
        init_default(self.fc, generator)
        if attention_init != "he":
            for block in self.attention_blocks().values():
                block.reset_parameters(generator)
                if attention_init == "identity":
                    block.start_as_identity()
