"""What tests of plugins share: a small one, and foveate without those that a test has loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foveate import attention, plugins
from foveate.explanation import captions, charts
from foveate.explanation.cam.methods import METHODS
from foveate.models.resnet import BACKBONES

PLUGIN = """import torch
from torch import nn

from foveate.attention.base import Attention, init_default
from foveate.explanation.cam.methods.gradients import from_gradient
from foveate.models.resnet import BasicBlock


class Gate(Attention):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels, channels)

    def reset_parameters(self, generator=None):
        init_default(self.layer, generator)

    def attend(self, x):
        return x * self.layer(x.mean((2, 3))).sigmoid()[:, :, None, None]

    def attention(self, x):
        return {"channel": self.layer(x.mean((2, 3))).sigmoid()[:, :, None, None]}


def brightest(features, gradient):
    return features.amax(1)


MECHANISMS = {"my_gate": Gate}
METHODS = {"brightest": from_gradient(brightest)}
BACKBONES = {"shallow": (BasicBlock, (1, 1, 1, 1))}
TITLES = {"my_gate": "My gate", "brightest": "Brightest-CAM", "shallow": "Shallow net"}
PAPERS = {"my_gate": "Doe 2026"}
"""


@contextmanager
def without_plugins() -> Iterator[None]:
    """Whatever is loaded inside is forgotten behind it."""
    tables: list[dict[Any, Any]] = [
        attention.MECHANISMS, METHODS, BACKBONES, charts.ATTENTION, charts.BACKBONES, captions.METHODS, plugins.LOADED,
    ]  # fmt: skip
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, content in zip(tables, before, strict=True):
            table.clear()
            table.update(content)
