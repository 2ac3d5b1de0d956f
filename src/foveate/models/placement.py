"""Where in a residual network the attention blocks stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from foveate.attention import create_attention, mechanism_of, options_of
from foveate.attention.base import Attention, Place
from foveate.attention.ran import ResidualAttention
from foveate.config import did_you_mean
from foveate.errors import UsageError

AFTER_CONV2 = "after_conv2"  # behind the 3x3 convolution, before its batch norm
BEFORE_ADDITION = "before_addition"  # behind the last batch norm of the residual branch
AFTER_BLOCK = "after_block"  # behind a residual block's addition and ReLU
BETWEEN_STAGES = "between_stages"  # behind every stage but the last
AFTER_STAGE = "after_stage"
REPLACE_CONV2 = "replace_conv2"  # in place of the 3x3 convolution
AROUND_STAGE = "around_stage"  # RAN: from the first residual block of a stage, around the others
IN_BLOCKS = (AFTER_CONV2, BEFORE_ADDITION, AFTER_BLOCK, REPLACE_CONV2)
DEFAULT = "default"  # each mechanism's own
PLACEMENTS = (DEFAULT, *IN_BLOCKS, BETWEEN_STAGES, AFTER_STAGE, AROUND_STAGE)


class Placement:
    """Makes the attention block for a place in a residual network, or none where the study wants none."""

    def __init__(
        self,
        attention: str | None,
        options: Mapping[str, Any] | None = None,
        placement: str = DEFAULT,
        stages: Sequence[int] = (1, 2, 3, 4),
        pixels: int = 224,
    ) -> None:
        """Raises UsageError for an unknown mechanism, placement or stage, and for a place that cannot be."""
        if placement not in PLACEMENTS:
            meant = did_you_mean(placement, list(PLACEMENTS))
            raise UsageError(f"there is no placement {placement!r}{meant}: known are {', '.join(PLACEMENTS)}.")
        if not stages or not set(stages) <= {1, 2, 3, 4}:
            raise UsageError(f"stages are some of 1, 2, 3 and 4, not {', '.join(map(str, stages)) or 'none'}.")
        if attention is None and options:
            raise UsageError("attention_options are given for a model without attention.")
        self.attention, self.options, self.pixels = attention, dict(options or {}), pixels
        self.place = Place(placement, tuple(sorted(set(stages))))
        if attention is not None:
            self.place = _place_of(mechanism_of(attention), attention, self.place)

    def in_block(self, stage: int, position: int, channels: int, stride: int = 1) -> Attention | None:
        """The attention of residual block `position` (from 0) of a stage."""
        if self.place.where not in IN_BLOCKS or (position + 1) % self.place.every:
            return None
        return self._make(stage, channels, stride if self.place.where == REPLACE_CONV2 else 1)

    def of_stage(self, stage: int, channels: int) -> Attention | None:
        """The attention of a whole stage."""
        return None if self.place.where in IN_BLOCKS else self._make(stage, channels)

    def stage(self, blocks: Sequence[nn.Module], stage: int, channels: int) -> nn.Sequential:
        """Residual blocks as a stage, with its attention under the name `attention` where it has one."""
        attention = self.of_stage(stage, channels)
        layer = AroundStage(*blocks) if self.place.where == AROUND_STAGE and attention else nn.Sequential(*blocks)
        if attention is not None:
            layer.add_module("attention", attention)
        return layer

    def _make(self, stage: int, channels: int, stride: int = 1) -> Attention | None:
        if self.attention is None or stage not in self.place.stages:
            return None
        options = {"stride": stride, **self.options} if "stride" in options_of(self.attention) else self.options
        options = mechanism_of(self.attention).options_at(stage, self.pixels, options)
        return create_attention(self.attention, channels, **options)


class AroundStage(nn.Sequential):
    """A stage whose first residual block prepares, whose others are the trunk, and whose mask gates the trunk."""

    attention: ResidualAttention

    def forward(self, x: Tensor) -> Tensor:
        first, *others, _ = self
        x = trunk = first(x)
        for block in others:
            trunk = block(trunk)
        gated: Tensor = self.attention(x, trunk)
        return gated


def _place_of(mechanism: type[Attention], name: str, wanted: Place) -> Place:
    """The place that is meant, where "default" is the mechanism's own within the wanted stages."""
    if wanted.where == DEFAULT:
        own = mechanism.place
        stages = tuple(stage for stage in own.stages if stage in wanted.stages)
        if not stages:
            raise UsageError(
                f"{name} stands in stage {' and '.join(map(str, own.stages))} by default ({own.where}), which `stages` "
                f"leaves out: name a placement to set it into stage {' and '.join(map(str, wanted.stages))}."
            )
        return Place(own.where, stages, own.every)
    if wanted.where == REPLACE_CONV2 and not mechanism.replaces_convolution:
        raise UsageError(f"{name} cannot stand in place of a convolution: it mixes no neighbours by itself.")
    if wanted.where == AROUND_STAGE and not issubclass(mechanism, ResidualAttention):
        raise UsageError(f"{name} cannot stand around a stage: that is ran's place. Take after_stage.")
    if wanted.where == BETWEEN_STAGES:
        stages = tuple(stage for stage in wanted.stages if stage < 4)
        if not stages:
            raise UsageError("between_stages: behind stage 4 there is no other stage. Take after_stage.")
        return Place(wanted.where, stages)
    return wanted
