"""Blocks in one, two or three spatial dimensions."""

from __future__ import annotations

from torch import Tensor, nn

from foveate.errors import UsageError

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def check_dims(dims: int) -> None:
    """Raises UsageError unless there are 1, 2 or 3 spatial dimensions."""
    if dims not in CONVOLUTIONS:
        raise UsageError(f"an attention block has dims 1, 2 or 3, not {dims}.")


def positions(dims: int) -> tuple[int, ...]:
    """The spatial axes of (N, C, *positions)."""
    return tuple(range(2, 2 + dims))


def broadcast(gate: Tensor, dims: int) -> Tensor:
    """(N, C) -> (N, C, 1, 1), with as many ones as there are spatial dimensions."""
    return gate.reshape(*gate.shape, *[1] * dims)
