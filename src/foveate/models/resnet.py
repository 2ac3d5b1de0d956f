"""ResNet-18 as the paper uses it, with room for an attention block in every residual block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from foveate.attention.base import Attention, init_default, init_he
from foveate.models.placement import Placement

# Residual blocks in the four stages (He et al. 2016, table 1).
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: relu(attention(bn(conv(relu(bn(conv x))))) + shortcut(x))."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, attention: Attention | None) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.attention = attention
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.bn2(self.conv2(x))
        if self.attention is not None:
            x = self.attention(x)
        return F.relu(x + shortcut, inplace=True)


class ResNet(nn.Module):
    """A residual network (He, Zhang, Ren, Sun: CVPR 2016) with global average pooling.

    State-dict keys are torchvision's; attention blocks add `layerI.J.attention.*`.
    """

    def __init__(self, depths: tuple[int, ...], placement: Placement, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        channels = WIDTHS[0]
        stages = []
        for stage, (depth, width) in enumerate(zip(depths, WIDTHS, strict=True), start=1):
            blocks = []
            for position in range(depth):
                stride = 2 if stage > 1 and position == 0 else 1
                blocks.append(BasicBlock(channels, width, stride, placement.before_addition(stage, width)))
                channels = width
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(channels, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, 512, H/32, W/32): the input of the global average pooling."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x

    def forward_head(self, features: Tensor) -> Tensor:
        """(N, 512, h, w) -> (N, num_classes) logits."""
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def on(self, device: torch.device) -> ResNet:
        """Move to a device, in channels_last, the memory format that convolutions are fast in."""
        return self.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    @torch.no_grad()
    def reset_parameters(self, generator: Generator | None = None, attention_init: str = "official") -> None:
        """He's initialisation (normal, fan-out) of the backbone; each attention block keeps its authors' own.

        `attention_init="he"` lets the backbone's rule reach into the blocks too. The head keeps torch's default,
        as in torchvision's ResNet.
        """
        init_he(self, generator)
        init_default(self.fc, generator)
        if attention_init == "official":
            for module in self.modules():
                if isinstance(module, Attention):
                    module.reset_parameters(generator)
