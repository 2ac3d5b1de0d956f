"""The contract that every attention block keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from foveate.errors import UsageError


class Attention(nn.Module, ABC):
    """A block that maps (N, C, H, W) to (N, C, H, W) and keeps shape, dtype and memory format.

    A mechanism is one subclass in one file: the formula in its docstring, its original's initialisation in
    `reset_parameters`, its original's key names in `official_keys`.
    """

    # Our parameter prefix -> the prefix in the original authors' state dict.
    official_keys: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Initialise as the original authors do, drawing from `generator` only."""

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Load weights that stand under the original authors' key names.

        Raises UsageError that names the first keys that are missing, unknown or of another shape.
        """
        own = self.state_dict()
        wanted = {self._official_name(name): name for name in own}
        wrong = [f"{key} is missing" for key in wanted if key not in state]
        wrong += [f"{key} is unknown" for key in state if key not in wanted]
        wrong += [
            f"{key} is {tuple(state[key].shape)}, not {tuple(own[name].shape)}"
            for key, name in wanted.items()
            if key in state and state[key].numel() != own[name].numel()
        ]
        if wrong:
            raise UsageError(f"these are not the weights of this {type(self).__name__}: {'; '.join(wrong[:3])}.")
        # Linear and 1x1 convolution differ by trailing ones only.
        self.load_state_dict({name: state[key].reshape(own[name].shape) for key, name in wanted.items()})

    def _official_name(self, name: str) -> str:
        for ours, theirs in self.official_keys.items():
            if name == ours or name.startswith(f"{ours}."):
                return theirs + name[len(ours) :]
        return name


def hidden_channels(channels: int, ratio: float) -> int:
    """Width of a bottleneck: `channels` times `ratio`, at least 1. Raises UsageError for an impossible ratio."""
    if channels < 1:
        raise UsageError(f"an attention block needs at least 1 channel, not {channels}.")
    if not 0 < ratio <= 1:
        raise UsageError(f"the bottleneck must be a share of the channels in (0, 1], not {ratio:g}.")
    return max(1, int(channels * ratio))


def init_default(layer: nn.Linear | nn.Conv2d, generator: Generator | None) -> None:
    """torch's own initialisation of a linear or convolutional layer, from an explicit generator.

    Weight: Kaiming-uniform with a = sqrt(5), that is uniform in +-1/sqrt(fan_in); bias the same range.
    """
    bound = layer.weight[0].numel() ** -0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


def init_he(module: nn.Module, generator: Generator | None) -> None:
    """He's initialisation (Kaiming-normal, fan-out, ReLU) of every layer; biases 0, norms the identity."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
            layer.reset_parameters()


def spatial_max(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C); the gradient goes to the first maximal position, as in max-pooling."""
    values: Tensor = torch.max(x.flatten(2), dim=2)[0]
    return values
