"""The training loop of one run: the paper's recipe, on batches gathered from one tensor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveate.config import Recipe
from foveate.data.augment import augment
from foveate.data.batches import Batches
from foveate.errors import FoveateError, Interrupted
from foveate.models.resnet import ResNet
from foveate.runs import derive_seed
from foveate.training import checkpoint
from foveate.training.checkpoint import Position
from foveate.training.schedule import curve_epochs, learning_rate

Advance = Callable[[int], None]
_CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class Training:
    """How one run trains."""

    recipe: Recipe
    epochs: int
    order_seed: int  # decides batch order and augmentation; the same for all models of a repeat
    precision: str  # float32 or bfloat16
    checkpoint: Path


def train(
    model: ResNet,
    data: Batches,
    training: Training,
    watch: Callable[[ResNet], float],
    advance: Advance = lambda images: None,
    stop: Callable[[], bool] = lambda: False,
) -> Position:
    """Train in place with SGD and cross entropy, going on from the checkpoint where there is one.

    `watch` returns the validation AUC; `advance` is told the images done; when `stop` says so, a checkpoint is
    written and Interrupted raised. Ends with the weights of the epoch that the recipe reports. Raises
    FoveateError where the loss is no longer finite.
    """
    recipe, device = training.recipe, data.labels.device
    model = model.on(device)
    _refuse_last_batch_of_one(model, len(data), recipe.batch_size)
    optimizer = torch.optim.SGD(
        _by_weight_decay(model, recipe.weight_decay),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        fused=True,  # one pass over the parameters instead of several; it counts where batches are small
    )
    position = checkpoint.restore(training.checkpoint, model, optimizer, device)
    watched = curve_epochs(recipe.curve_points, training.epochs)
    if recipe.report_epoch == "best":
        watched = set(range(training.epochs))
    steps = math.ceil(len(data) / recipe.batch_size)
    buffer = data.buffer(min(recipe.batch_size, len(data)))
    started = saved = time.monotonic()
    earlier = position.seconds

    for epoch in range(position.epoch, training.epochs):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, epoch, training.epochs)
        order = torch.randperm(len(data), generator=_generator(training.order_seed, epoch)).to(data.index_device)
        loss_sum = torch.tensor(position.loss_sum, dtype=torch.float64).to(device, _widest(device))
        model.train()
        for step in range(position.step, steps):
            rows = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            images, labels = data.gather(rows, _augmentation(recipe, training.order_seed, epoch, step), buffer)
            loss = training_step(model, optimizer, images, labels, training.precision)
            loss_sum += loss * len(rows)
            advance(len(rows))
            stopping = stop()
            if stopping or time.monotonic() - saved > _CHECKPOINT_SECONDS:
                position.step, position.loss_sum = step + 1, float(loss_sum)
                position.seconds = earlier + time.monotonic() - started
                checkpoint.save(training.checkpoint, model, optimizer, position)
                saved = time.monotonic()
            if stopping:
                raise Interrupted

        mean_loss = float(loss_sum) / len(data)
        if not math.isfinite(mean_loss):
            raise FoveateError(
                f"training diverged: the loss is {mean_loss} in epoch {epoch + 1}. "
                "A smaller recipe.learning_rate in a new study may help."
            )
        auc = watch(model) if epoch in watched else None
        rate = learning_rate(recipe, epoch, training.epochs)
        position.history.append({"epoch": epoch + 1, "learning_rate": rate, "loss": mean_loss, "validation_auc": auc})
        position.epoch, position.step, position.loss_sum = epoch + 1, 0, 0.0
        if recipe.report_epoch == "best" and auc is not None and auc > position.best_auc:
            position.best_auc = auc
            position.best_state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    if position.best_state is not None:
        model.load_state_dict(position.best_state)
    position.seconds = earlier + time.monotonic() - started
    return position


def training_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, precision: str
) -> Tensor:
    """One step of gradient descent on a batch; the mean loss, detached."""
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        logits = model(images)
    loss = F.cross_entropy(logits.float(), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def _by_weight_decay(model: ResNet, weight_decay: float) -> list[dict[str, Any]]:
    """All parameters with weight decay, but for those whose mechanism is trained without."""
    without = model.no_weight_decay()
    groups: list[dict[str, Any]] = [
        {"params": [p for name, p in model.named_parameters() if name not in without], "weight_decay": weight_decay},
        {"params": [p for name, p in model.named_parameters() if name in without], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _refuse_last_batch_of_one(model: ResNet, images: int, batch_size: int) -> None:
    names = sorted({type(block).__name__ for block in model.attention_blocks().values() if block.needs_batch})
    if names and images % batch_size == 1:
        raise FoveateError(
            f"{images} training images leave one for the last batch of {batch_size}, and {names[0]} cannot train on a "
            "batch of one: take another recipe.batch_size."
        )


def _generator(*parts: int) -> torch.Generator:
    """Randomness of an epoch or a step, on the CPU: nothing to restore, the same on every device."""
    return torch.Generator().manual_seed(derive_seed(*parts))


def _augmentation(recipe: Recipe, *parts: int) -> Callable[[Tensor], Tensor] | None:
    """What the recipe does to the pixels of a step."""
    if not recipe.augmentation:
        return None
    return lambda images: augment(images, _generator(*parts), recipe.augmentation)


def _widest(device: torch.device) -> torch.dtype:
    """float64 where the device has it (Apple's has not)."""
    return torch.float32 if device.type == "mps" else torch.float64
