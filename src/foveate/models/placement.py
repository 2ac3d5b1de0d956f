"""Where in a residual network the attention blocks stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foveate.attention import create_attention
from foveate.attention.base import Attention
from foveate.config import nearest
from foveate.errors import UsageError

PLACEMENTS = (
    "default",
    "before_addition",
)  # the default of SE, CBAM and GC in the paper is before the addition


class Placement:
    """Makes the attention block for a place, or none where the study wants none."""

    def __init__(
        self,
        attention: str | None,
        options: Mapping[str, Any] | None = None,
        placement: str = "default",
        stages: Sequence[int] = (1, 2, 3, 4),
    ) -> None:
        """Raises UsageError for an unknown placement or stage."""
        if placement not in PLACEMENTS:
            hint = nearest(placement, list(PLACEMENTS))
            did_you_mean = f" (did you mean {hint}?)" if hint else ""
            raise UsageError(f"there is no placement {placement!r}{did_you_mean}: known are {', '.join(PLACEMENTS)}.")
        if not set(stages) <= {1, 2, 3, 4}:
            raise UsageError(f"stages are 1, 2, 3 and 4, not {', '.join(map(str, stages))}.")
        if attention is None and options:
            raise UsageError("attention_options are given for a model without attention.")
        self.attention, self.options, self.stages = attention, dict(options or {}), frozenset(stages)

    def before_addition(self, stage: int, channels: int) -> Attention | None:
        """The block that follows the last batch norm of a residual branch, right before the addition."""
        if self.attention is None or stage not in self.stages:
            return None
        return create_attention(self.attention, channels, **self.options)
