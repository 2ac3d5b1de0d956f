"""What is drawn of a map: from where to where, and what is blank or flat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.explanation.display_range import BLANK, between, is_flat, number, shared_ends, shown

GATES = np.array([[0.4, 0.5], [0.6, 0.8]])


def test_values_without_a_zero_are_drawn_from_the_lowest_to_the_highest() -> None:
    one = shown(GATES, from_zero=False)
    np.testing.assert_allclose(one.heat, [[0, 0.25], [0.5, 1]])
    assert (one.words, one.blank, one.flat) == ("0.4 to 0.8", False, False)


def test_evidence_is_drawn_from_zero() -> None:
    one = shown(GATES, from_zero=True)
    np.testing.assert_allclose(one.heat, [[0.5, 0.625], [0.75, 1]])
    assert one.words == "0.4 to 0.8"


@pytest.mark.parametrize("from_zero", [True, False])
def test_a_flat_map_is_named_and_not_drawn(from_zero: bool) -> None:
    one = shown(np.array([[0.503, 0.5031], [0.5032, 0.5033]]), from_zero)
    assert one.words == "flat: 0.503 everywhere"
    assert not one.heat.any()
    assert (one.blank, one.flat) == (False, True)


def test_a_map_without_evidence_is_blank_and_gates_of_zero_are_flat() -> None:
    evidence, gates = (shown(np.zeros((2, 2)), from_zero) for from_zero in (True, False))
    assert (evidence.words, evidence.blank, evidence.flat) == (BLANK, True, False)
    assert (gates.words, gates.blank, gates.flat) == ("flat: 0 everywhere", False, True)


def test_flat_is_one_per_cent_of_the_highest_absolute_value() -> None:
    assert is_flat(np.array([0.5, 0.505]))
    assert not is_flat(np.array([0.5, 0.51]))
    assert is_flat(np.array([-1.0, -0.995]))
    assert not is_flat(np.array([-0.001, 0.001]))  # around zero the sign differs, however small the values
    assert not is_flat(np.array([1.0e-5, 1.2e-5]))  # a softmax over many positions: small, but uneven


@given(st.floats(1e-6, 1e6), st.lists(st.floats(0.01, 1), min_size=2, max_size=9))
def test_a_factor_changes_nothing(factor: float, values: list[float]) -> None:
    """A softmax over four times as many positions has a quarter of the values and says the same."""
    given_map = np.array(values)[None]
    spread = (given_map.max() - given_map.min()) / given_map.max()
    if abs(spread - 0.01) > 1e-6:
        assert is_flat(given_map) == is_flat(factor * given_map)
        heats = [shown(of, from_zero=False).heat for of in (given_map, factor * given_map)]
        np.testing.assert_allclose(heats[0], heats[1], atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0.4, 0.6))
def test_rounding_to_bfloat16_alone_is_flat(seed: int, value: float) -> None:
    """Seven digits of mantissa: neighbours lie 2**-7 of the value apart at the most."""
    noise = np.random.default_rng(seed).integers(0, 2, (4, 4))
    exponent = np.floor(np.log2(value))
    assert is_flat(value * np.ones((4, 4)) + noise * 2.0 ** (exponent - 7))


def test_several_maps_share_their_ends() -> None:
    low, high = GATES, GATES + 0.2
    assert shared_ends([low, high], from_zero=False) == pytest.approx((0.4, 1.0))
    assert shared_ends([low, high], from_zero=True) == pytest.approx((0.0, 1.0))
    np.testing.assert_allclose(shown(low, False, (0.4, 1.0)).heat, (GATES - 0.4) / 0.6)
    assert shown(low, False, (0.4, 1.0)).words == "0.4 to 0.8"  # its own, whatever the colours stand for


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (8.06e-6, 0.4312, "0 to 0.431"),
        (0.00495, 0.115, "0.005 to 0.115"),
        (1.23e-5, 2e-5, "1.23e−5 to 2e−5"),
        (-2.0, 1.234, "−2 to 1.23"),
        (0.0, 0.0, "0 to 0"),
    ],
)
def test_two_ends_have_the_decimals_of_the_larger_one(low: float, high: float, text: str) -> None:
    assert between(low, high) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.50312, "0.503"), (12.34, "12.3"), (1.234e-5, "1.23e−5"), (-0.5, "−0.5"), (1234.4, "1,234"), (0.0, "0")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
