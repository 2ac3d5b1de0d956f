"""Whether a mechanism that is not foveate's own keeps the contract, before anything is trained with it."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from foveate.attention.base import Attention
from foveate.attention.ran import ResidualAttention
from foveate.errors import UsageError

_CHANNELS, _PIXELS, _SIDE = 64, 64, 16  # the first stage of a residual network for images of 64 pixels


def try_mechanism(entry: Any) -> None:
    """Make a block and run a small map through it, as in the first stage of a network.

    Raises UsageError where `entry` is no subclass of Attention, lacks a method, or changes shape or dtype; whatever the
    block itself raises goes on.
    """
    if not isinstance(entry, type) or not issubclass(entry, Attention):
        raise UsageError(f"a mechanism is a subclass of foveate.attention.base.Attention, not {entry!r}.")
    if inspect.isabstract(entry):
        raise UsageError(f"{entry.__name__} lacks {', '.join(sorted(entry.__abstractmethods__))}.")
    if issubclass(entry, ResidualAttention):  # stands around a stage: it takes the trunk as well
        return
    with torch.random.fork_rng(devices=[]):
        block = entry(_CHANNELS, **entry.options_at(1, _PIXELS, {}))
        block.reset_parameters(torch.Generator().manual_seed(0))
        x = torch.randn(2, _CHANNELS, _SIDE, _SIDE)
        _same(entry, x, block(x))
        maps = block.attention(x)
    if not isinstance(maps, dict) or not all(isinstance(own, torch.Tensor) for own in maps.values()):
        raise UsageError(f"{entry.__name__}.attention must give a dict of tensors, not {type(maps).__name__}.")


def _same(entry: type, x: torch.Tensor, y: Any) -> None:
    if not isinstance(y, torch.Tensor) or y.shape != x.shape or y.dtype != x.dtype:
        given = f"{tuple(y.shape)} {y.dtype}" if isinstance(y, torch.Tensor) else type(y).__name__
        raise UsageError(f"{entry.__name__} must keep shape and dtype: of {tuple(x.shape)} {x.dtype} it makes {given}.")
