"""Where a run stands while it trains, on disk: enough to go on to the same bits."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from foveate import runs
from foveate.errors import FoveateError


@dataclass
class Position:
    """Everything that changes while a run trains, besides weights and optimizer."""

    epoch: int = 0  # epochs that are complete
    step: int = 0  # steps of the next epoch that are complete
    loss_sum: float = 0.0  # of those steps, over their images
    history: list[dict[str, float | int | None]] = field(default_factory=list)
    seconds: float = 0.0  # of training so far, over all sittings
    best_auc: float = -1.0
    best_state: dict[str, Tensor] | None = None  # only where the study reports the best epoch


def save(path: Path, model: nn.Module, optimizer: Optimizer, position: Position) -> None:
    """Write checkpoint.pt, whole or not at all."""
    state = {"position": vars(position), "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    with runs.writing(path, "wb") as file:
        torch.save(state, file)


def restore(path: Path, model: nn.Module, optimizer: Optimizer, device: torch.device) -> Position:
    """Load checkpoint.pt into model and optimizer. A new Position where there is none.

    Raises FoveateError where the file is damaged or belongs to another model.
    """
    if not path.is_file():
        return Position()
    state = _load(path, device)
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return Position(**state["position"])
    except (RuntimeError, ValueError, KeyError, TypeError) as error:  # of another model or another version
        raise _unusable(path, error) from error


def images_done(path: Path, images: int, batch_size: int) -> int:
    """How many images a run has trained on so far, going by its checkpoint; 0 without one.

    `images`: of one epoch. Raises FoveateError where the file is damaged.
    """
    if not path.is_file():
        return 0
    position = _load(path, torch.device("cpu"))["position"]
    return int(position["epoch"]) * images + min(int(position["step"]) * batch_size, images)


def _load(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:  # the disk's, which says nothing of the file
        raise FoveateError(
            f"cannot go on from {path}: {error.strerror or error}. Start the same command again."
        ) from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise _unusable(path, error) from error
    return state


def _unusable(path: Path, error: Exception) -> FoveateError:
    reason = (str(error) or type(error).__name__).partition("\n")[0]
    return FoveateError(f"cannot go on from {path}: {reason} Remove it to train this run from its start.")
