"""Results: an undefined quantity answers for all that it lacks, and nothing can be changed afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

import foveate.evaluation as evaluation
from foveate.evaluation.results import Estimate, Undefined, defined

PARTS = ("estimate", "standard_error", "interval", "statistic", "degrees_of_freedom", "p_value")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_an_undefined_result_is_undefined_for_the_same_reason(part: str) -> None:
    nothing = Undefined("one class only")
    assert getattr(nothing, part) is nothing
    assert str(nothing) == "undefined: one class only"
    assert hasattr(Estimate(0.5), part)


def test_results_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Estimate(0.5).estimate = 0.6  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Undefined("no case").reason = "another"  # type: ignore[misc]


def test_what_a_method_does_not_give_is_none() -> None:
    assert [getattr(Estimate(0.5), part) for part in PARTS] == [0.5, None, None, None, None, None]


def test_an_undefined_value_makes_an_empty_cell_and_a_zero_does_not() -> None:
    assert defined(Undefined("no case")) is None
    assert defined(None) is None
    assert defined(0.0) == 0.0
    assert defined((0.1, 0.2)) == (0.1, 0.2)


@pytest.mark.parametrize("name", evaluation.__all__)
def test_every_public_name_can_be_reached(name: str) -> None:
    for _ in range(2):  # the first time imports its module, which must not take its place
        assert getattr(evaluation, name).__name__ == name
    assert name in dir(evaluation)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'p_hack'"):
        evaluation.p_hack  # noqa: B018
