"""Models by name, and trained models from their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from foveate import runs
from foveate.config import Model, did_you_mean
from foveate.errors import FoveateError, UsageError
from foveate.models.official import fit_weights
from foveate.models.placement import Placement
from foveate.models.resnet import BACKBONES, ResNet
from foveate.models.weight_files import read_weights

INITS = ("official", "identity", "he")


def create_model(
    name: str,
    attention: str | None = None,
    num_classes: int = 2,
    in_channels: int = 3,
    placement: str = "default",
    stages: Sequence[int] = (1, 2, 3, 4),
    init: str = "official",
    attention_options: Mapping[str, Any] | None = None,
    pixels: int = 224,
    generator: Generator | None = None,
) -> ResNet:
    """A backbone with attention: (N, in_channels, H, W) -> (N, num_classes) logits, freshly initialised.

    `name` may hold the attention too: "resnet18+cbam". `pixels`, the side of the input, matters to what is made for
    one size only (botnet). `generator` makes the initialisation repeatable and leaves torch's global generator as
    it was. Raises UsageError for what does not exist, naming the nearest.
    """
    backbone, plus, in_name = name.partition("+")
    attention = attention if attention is not None else in_name if plus else None
    if backbone not in BACKBONES:
        meant = did_you_mean(backbone, list(BACKBONES))
        raise UsageError(f"there is no backbone {backbone!r}{meant}: known are {', '.join(BACKBONES)}.")
    if attention == "":
        raise UsageError(f"no attention is named: say {backbone} without any, or for example {backbone}+cbam.")
    if init not in INITS:
        raise UsageError(f"there is no initialisation {init!r}: known are {', '.join(INITS)}.")
    with torch.random.fork_rng(devices=[]):  # layers draw from the global generator when they are made
        places = Placement(attention, attention_options, placement, stages, pixels)
        model = ResNet(backbone, places, num_classes, in_channels)
        model.reset_parameters(generator, init)
    return model


def model_of(
    spec: Model, pixels: int, in_channels: int, num_classes: int = 2, generator: Generator | None = None
) -> ResNet:
    """A study's model for its images, freshly initialised. Raises UsageError as `create_model` does."""
    return create_model(
        spec.backbone,
        spec.attention,
        num_classes=num_classes,
        in_channels=in_channels,
        placement=spec.placement,
        stages=spec.stages,
        init=spec.init,
        attention_options=spec.attention_options,
        pixels=pixels,
        generator=generator,
    )


def load_weights(model: ResNet, path: str | Path) -> None:
    """Start from a safetensors file with torchvision's key names, with or without attention under its authors' names.

    A head for other classes is left out; see `models.official`. Raises UsageError where the file is none or does
    not fit.
    """
    fit_weights(model, read_weights(path), str(path))


@dataclass(frozen=True)
class TrainedModel:
    """A trained network and what it needs to see an image as it did in training."""

    network: ResNet  # in evaluation mode
    classes: tuple[str, ...]  # of the logits; the positive one is the last of two
    pixels: int  # side of the square input
    fit: str  # how an image becomes square: stretch, pad or crop
    channels: int
    mean: tuple[float, ...]  # a channel, in units of 0..255
    std: tuple[float, ...]


def load_model(run_folder: str | Path) -> TrainedModel:
    """The trained model of a run's folder. Raises FoveateError where the run is not trained."""
    folder = Path(run_folder)
    if not (folder / "weights.safetensors").is_file():
        raise FoveateError(f"{folder} holds no trained model: weights.safetensors is missing.")
    record = runs.read_json(folder / "run.json")
    spec, inputs = Model.model_validate(record["model_configuration"]), record["input"]
    network = model_of(spec, inputs["pixels"], inputs["channels"], len(inputs["classes"]))
    network.load_state_dict(read_weights(folder / "weights.safetensors"))
    return TrainedModel(
        network.eval(),
        tuple(inputs["classes"]),
        inputs["pixels"],
        inputs["fit"],
        inputs["channels"],
        tuple(inputs["mean"]),
        tuple(inputs["std"]),
    )
