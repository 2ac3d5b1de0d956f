"""What a statistical method returns: numbers, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Undefined:
    """A quantity that does not exist for these data, and why: one class only, no variation, unanimous readers.

    Whatever a whole result would offer is undefined for the same reason, so `auc_interval(...).interval` can be
    asked for without looking first.
    """

    reason: str

    def __str__(self) -> str:
        return f"undefined: {self.reason}"

    @property
    def estimate(self) -> Undefined:
        return self

    @property
    def standard_error(self) -> Undefined:
        return self

    @property
    def interval(self) -> Undefined:
        return self

    @property
    def statistic(self) -> Undefined:
        return self

    @property
    def degrees_of_freedom(self) -> Undefined:
        return self

    @property
    def p_value(self) -> Undefined:
        return self


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty and, where a hypothesis is tested, the test.

    What a method does not give is None; what it would give, but these data do not allow, is `Undefined`.
    """

    estimate: float
    standard_error: float | Undefined | None = None
    interval: tuple[float, float] | Undefined | None = None
    statistic: float | Undefined | None = None  # z, t or F, as `method` says
    degrees_of_freedom: float | tuple[float, float] | Undefined | None = None  # of t; of F a pair
    p_value: float | Undefined | None = None  # two-sided
    method: str = ""


def upper(confidence: float) -> float:
    """The probability below an interval's upper end: 0.95 -> 0.975. Raises ValueError for no confidence at all."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return (1 + confidence) / 2


def defined(value: Value | Undefined | None) -> Value | None:
    """The value, or None where there is none: for tables, where an empty cell says it."""
    return None if isinstance(value, Undefined) else value
