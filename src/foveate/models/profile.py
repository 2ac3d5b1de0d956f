"""What a model costs and how it begins: parameters, FLOPs, activation memory, step time, initial gain."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from foveate.attention import create_attention, options_of
from foveate.models import create_model
from foveate.models.resnet import ResNet

BATCH, ROUNDS = 8, 5


@dataclass(frozen=True)
class Profile:
    """One model's row in the table of models."""

    model: str
    parameters: int
    flops: int  # of a forward pass of one image: two for each multiplication with addition
    activation_bytes: int  # kept for the backward pass of one image in float32
    gain: float | None  # ||block(x)|| / ||x|| of its attention as initialised; None without attention
    step: float | None = None  # time of a training step relative to the first model's; None where not measured


def profile(
    names: Sequence[str],
    pixels: int = 224,
    timed: bool = True,
    device: torch.device | None = None,
    advance: Callable[[], None] = lambda: None,
) -> list[Profile]:
    """Profiles of models by name ("resnet18+se"), with 3 channels, 2 classes and the mechanisms' default options.

    Step times are medians of ROUNDS steps on BATCH images in float32, taken by turns with the first model's, so that
    a busy machine disturbs all alike. Raises UsageError for a name that does not exist.
    """
    device = device or torch.device("cpu")
    rows = []
    for name in names:
        model = create_model(name, pixels=pixels, generator=torch.Generator().manual_seed(0))
        attention = name.partition("+")[2]
        gain = initial_gain(attention) if attention else None
        parameters = sum(parameter.numel() for parameter in model.parameters())
        rows.append(Profile(name, parameters, flops(model, pixels), activation_bytes(model, pixels), gain))
        advance()
    if not timed:
        return rows
    seconds = _step_seconds([create_model(name, pixels=pixels).on(device) for name in names], pixels, device, advance)
    ratios = [statistics.median(s / b for s, b in zip(own, seconds[0], strict=True)) for own in seconds]
    return [Profile(**{**vars(row), "step": ratio}) for row, ratio in zip(rows, ratios, strict=True)]


def flops(model: ResNet, pixels: int) -> int:
    """FLOPs of a forward pass of one image: convolutions and matrix products, two for a multiply-add."""
    with torch.device("meta"):
        image = torch.empty(1, model.conv1.in_channels, pixels, pixels)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        _on_meta(model)(image)
    return int(counter.get_total_flops())


def activation_bytes(model: ResNet, pixels: int) -> int:
    """Bytes that autograd keeps for the backward pass of one image in float32, each storage once, without weights."""
    model = model.on(torch.device("cpu")).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def note(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return saved

    images = torch.randn(2, model.conv1.in_channels, pixels, pixels).to(memory_format=torch.channels_last)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved):
        logits = model(images)  # kept alive until the storages are counted: no address is used twice
    del logits
    return sum(kept.values()) // 2


def initial_gain(attention: str, channels: int = 64, side: int = 16, seeds: int = 5) -> float:
    """Mean of ||block(x)|| / ||x|| for x from N(0, 1), the block as its authors initialise it, in training mode."""
    options: dict[str, Any] = {"size": side} if "size" in options_of(attention) else {}
    x = torch.randn(8, channels, side, side, generator=torch.Generator().manual_seed(0))
    block, gains = create_attention(attention, channels, **options), []
    for seed in range(seeds):
        block.reset_parameters(torch.Generator().manual_seed(seed))
        with torch.no_grad():
            gains.append(float(block(x).norm() / x.norm()))
    return statistics.fmean(gains)


def _on_meta(model: ResNet) -> ResNet:
    """A copy that computes shapes only."""
    import copy

    return copy.deepcopy(model).to("meta").eval()


def _step_seconds(
    models: Sequence[ResNet], pixels: int, device: torch.device, advance: Callable[[], None]
) -> list[list[float]]:
    """Seconds of ROUNDS training steps of each model, after one to warm up, all models by turns."""
    images = torch.randn(BATCH, models[0].conv1.in_channels, pixels, pixels, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH, device=device) % 2
    seconds: list[list[float]] = [[] for _ in models]
    for _ in range(1 + ROUNDS):
        for model, own in zip(models, seconds, strict=True):
            started = time.perf_counter()
            model.train()
            F.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            model.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            own.append(time.perf_counter() - started)
        advance()
    return [own[1:] for own in seconds]
