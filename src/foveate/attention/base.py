"""The contract that every attention block keeps."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from foveate.errors import UsageError


@dataclass(frozen=True)
class Place:
    """Where a mechanism stands in a residual network when nothing else is asked for."""

    where: str = "before_addition"  # one of models.placement.PLACEMENTS
    stages: tuple[int, ...] = (1, 2, 3, 4)
    every: int = 1  # one block for this many residual blocks of a stage, at the last of them


class Attention(nn.Module, ABC):
    """A block that maps (N, C, H, W) to (N, C, H, W) and keeps shape, dtype and memory format.

    A mechanism is one subclass in one file. It says in class attributes where it stands, how its authors name its
    weights and what it cannot do; it defines `attend`, the formula, `reset_parameters`, its authors'
    initialisation, and `attention`, the maps that it computes.
    """

    place: ClassVar[Place] = Place()
    # Each layout of published weights: our parameter's name or prefix -> the authors'. Others are named alike.
    official_layouts: ClassVar[tuple[Mapping[str, str], ...]] = ({},)
    needs_batch: ClassVar[bool] = False  # a batch norm over one value an image: a batch of one cannot train
    replaces_convolution: ClassVar[bool] = False  # mixes neighbours, takes `stride`: may stand for a 3x3
    gain = 1.0  # what the output is multiplied with; other than 1 after start_as_identity only

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape and dtype. Raises UsageError where a batch norm has a single value."""
        self._refuse_single(x)
        y = self.attend(x)
        return y if self.gain == 1 else y * self.gain

    @abstractmethod
    def attend(self, x: Tensor) -> Tensor:
        """The mechanism's formula."""

    @abstractmethod
    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Initialise as the original authors do, drawing from `generator` only."""

    @abstractmethod
    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """The maps that the block computes for x, by name; no hooks, no change of x.

        "channel" (N, C, 1, 1): a gate a channel; "spatial" (N, 1, H, W): a gate a position; "element"
        (N, C, H, W): a gate each; others as the mechanism says.
        """

    def closing(self) -> tuple[Tensor, ...]:
        """The last parameters before the gate: where they are 0, the block is a constant factor.

        Empty: no choice of parameters makes it one.
        """
        return ()

    def start_as_identity(self) -> None:
        """Begin as the identity: the closing parameters at 0, and a fixed gain that undoes the factor then left.

        The gain is no parameter: a gate that began at 0.5 reaches up to 2 afterwards. Raises UsageError where no
        parameters make the block a constant factor.
        """
        last = self.closing()
        if not last:
            raise UsageError(
                f"{type(self).__name__} cannot start as the identity: its output is no multiple of its input at any "
                "weights. Take init: official."
            )
        with torch.no_grad():
            for parameter in last:
                parameter.zero_()
        self.gain = 1 / self.closed_factor()

    def closed_factor(self) -> float:
        """What the block multiplies by when its closing parameters are 0; a sigmoid's 0.5 unless overridden."""
        return 0.5

    def no_weight_decay(self) -> set[str]:
        """Names of the parameters that the authors train without weight decay."""
        return set()

    @classmethod
    def options_at(cls, stage: int, pixels: int, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a block in this stage of a residual network whose input has `pixels` a side."""
        return dict(options)

    def load_official(self, state: Mapping[str, Tensor]) -> None:
        """Load weights that stand under the original authors' key names.

        Raises UsageError that names the first keys that are missing, unknown or of another shape.
        """
        own = self.state_dict()
        layouts = [{renamed(name, layout): name for name in own} for layout in self.official_layouts]
        wanted = max(layouts, key=lambda names: len(names.keys() & state.keys()))
        # Counters that weights from before torch 0.4 do not have; a normal run never reads them.
        wanted = {key: name for key, name in wanted.items() if key in state or not key.endswith("num_batches_tracked")}
        wrong = [f"{key} is missing" for key in wanted if key not in state]
        wrong += [f"{key} is unknown" for key in state if key not in wanted]
        wrong += [
            f"{key} is {tuple(state[key].shape)}, not {tuple(own[name].shape)}"
            for key, name in wanted.items()
            if key in state and _squeezed(state[key]) != _squeezed(own[name])
        ]
        if wrong:
            raise UsageError(f"these are not the weights of this {type(self).__name__}: {'; '.join(wrong[:3])}.")
        # Linear and 1x1 convolution differ by trailing ones only.
        self.load_state_dict(own | {name: state[key].reshape(own[name].shape) for key, name in wanted.items()})

    def fewest_positions(self, x: Tensor) -> int:
        """Positions of the smallest map inside the block that a batch norm sees."""
        return math.prod(x.shape[2:])

    def _refuse_single(self, x: Tensor) -> None:
        if not self.training or x.shape[0] != 1:
            return
        has_norm = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self.modules())
        if self.needs_batch or (has_norm and self.fewest_positions(x) == 1):
            raise UsageError(
                f"{type(self).__name__} cannot train on a batch of one image: its batch norm needs at least two values "
                "a channel. Take larger batches, or call eval() first."
            )


def renamed(name: str, layout: Mapping[str, str]) -> str:
    for ours, theirs in layout.items():
        if name == ours or name.startswith(f"{ours}."):
            return theirs + name[len(ours) :]
    return name


def _squeezed(tensor: Tensor) -> tuple[int, ...]:
    """The shape without trailing ones."""
    shape = list(tensor.shape)
    while shape and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def hidden_channels(channels: int, ratio: float) -> int:
    """Width of a bottleneck: `channels` times `ratio`, at least 1. Raises UsageError for an impossible ratio."""
    if channels < 1:
        raise UsageError(f"an attention block needs at least 1 channel, not {channels}.")
    if not 0 < ratio <= 1:
        raise UsageError(f"the bottleneck must be a share of the channels in (0, 1], not {ratio:g}.")
    return max(1, int(channels * ratio))


def reduced_channels(channels: int, reduction: float) -> int:
    """Width of a bottleneck: `channels` divided by `reduction`, at least 1. Raises UsageError where it is below 1."""
    if not reduction >= 1:
        raise UsageError(f"a bottleneck's reduction is at least 1, not {reduction:g}.")
    return hidden_channels(channels, 1 / reduction)


def init_default(layer: nn.Linear | nn.modules.conv._ConvNd, generator: Generator | None) -> None:
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
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm | nn.LayerNorm):
            layer.reset_parameters()


def spatial_max(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C); the gradient goes to the first maximal position, as in max-pooling."""
    values: Tensor = torch.max(x.flatten(2), dim=2)[0]
    return values
