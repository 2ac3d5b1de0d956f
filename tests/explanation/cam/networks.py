"""Narrow networks that are quick to run, and far from their initialisation."""

from __future__ import annotations

from unittest import mock

import torch
from torch import Tensor, nn

from foveate.models import create_model, resnet
from foveate.models.resnet import ResNet

MODELS = ("resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc")
NARROW = (8, 8, 16, 16)


def narrow() -> mock._patch[tuple[int, ...]]:
    """While it lasts, networks are made with few channels."""
    return mock.patch.object(resnet, "WIDTHS", NARROW)


def worn(name: str, stages: tuple[int, ...] = (1, 2, 3, 4), **attention_options: int) -> ResNet:
    """A narrow model of three classes whose norms and blocks are far from their start, in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    options = attention_options or None
    with narrow():
        model = create_model(
            name, num_classes=3, stages=stages, attention_options=options, pixels=64, generator=generator
        )
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3, generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
                module.weight.uniform_(0.5, 1.5, generator=generator)
        for key, parameter in model.named_parameters():
            if ".attention." in key:
                parameter.normal_(0, 0.3, generator=generator)
    return model.eval()


def noise(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


def one_hot(target: Tensor, classes: int = 3) -> Tensor:
    return nn.functional.one_hot(target, classes).float()
