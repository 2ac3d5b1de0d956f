"""Calibration, against scikit-learn and curves worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearns_log_loss
from statsmodels.stats.proportion import proportion_confint

from foveate.evaluation.calibration import (
    CalibrationCurve,
    brier,
    calibration_curve,
    calibration_error,
    log_loss,
    moved_probabilities,
)
from foveate.evaluation.results import Undefined

Cases = list[tuple[bool, float]]
CASES = st.lists(st.tuples(st.booleans(), st.integers(1, 99).map(lambda n: n / 100)), min_size=2, max_size=40).map(
    lambda cases: [(True, 0.5), (False, 0.3), *cases]
)
MEASURES: tuple[Callable[..., float | Undefined], ...] = (brier, log_loss, calibration_error)


def curve(labels: Any, probabilities: Any, bins: int) -> CalibrationCurve:
    found = calibration_curve(labels, probabilities, bins)
    assert isinstance(found, CalibrationCurve)
    return found


def test_scores_by_hand() -> None:
    labels, probabilities = [1, 0, 1, 0], [0.9, 0.2, 0.5, 0.5]
    assert brier(labels, probabilities) == pytest.approx((0.01 + 0.04 + 0.25 + 0.25) / 4)
    assert log_loss(labels, probabilities) == pytest.approx(-math.log(0.9 * 0.8 * 0.5 * 0.5) / 4)
    assert brier([0, 1], [0.5, 0.5]) == 0.25


@given(CASES, st.none() | st.sampled_from([0.01, 0.2, 0.9]))
def test_scores_are_scikit_learns_with_cases_weighted_to_the_prevalence(cases: Cases, prevalence: float | None) -> None:
    labels, values = (np.array(column) for column in zip(*cases, strict=True))
    weights = None
    if prevalence is not None:
        here = labels.mean()
        weights = np.where(labels, prevalence / here, (1 - prevalence) / (1 - here))
        odds = values / (1 - values) * prevalence / (1 - prevalence) / (here / (1 - here))
        values = odds / (1 + odds)
    given_values = np.array([value for _, value in cases])
    expected = brier_score_loss(labels, values, sample_weight=weights)
    assert brier(labels, given_values, prevalence) == pytest.approx(expected, abs=1e-12)
    expected = sklearns_log_loss(labels, values, sample_weight=weights)
    assert log_loss(labels, given_values, prevalence) == pytest.approx(expected, rel=1e-9)


def test_certainty_is_perfect_or_cut_off() -> None:
    assert brier([0, 1], [0, 1]) == 0
    assert log_loss([0, 1], [0, 1]) == 0
    assert brier([0, 1], [1, 0]) == 1
    assert log_loss([0, 1], [1, 0]) == pytest.approx(52 * math.log(2))


def test_the_curve_by_hand() -> None:
    probabilities = [0.1, 0.2, 0.3, 0.4, 0.6, 0.9]
    found = curve([0, 0, 1, 0, 1, 1], probabilities, 3)
    assert found.cases.tolist() == [2, 2, 2]
    assert found.predicted == pytest.approx([0.15, 0.35, 0.75])
    assert found.observed == pytest.approx([0, 0.5, 1])
    between = [proportion_confint(k, 2, method="wilson") for k in range(3)]
    assert list(zip(found.low, found.high, strict=True)) == [pytest.approx(pair, abs=1e-12) for pair in between]
    assert found.error == pytest.approx((0.15 + 0.15 + 0.25) / 3)
    assert curve([0, 0, 1, 1], [0.1, 0.1, 0.1, 0.9], 2).cases.tolist() == [3, 1]


@given(st.integers(10, 60), st.integers(1, 10), st.integers(0, 1000))
def test_bins_are_of_equal_numbers_of_cases(cases: int, bins: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    found = curve(generator.integers(2, size=cases), generator.permutation(cases) / cases, bins)
    assert len(found.cases) == bins
    assert found.cases.sum() == cases
    assert np.ptp(found.cases) <= 1


@given(CASES, st.integers(1, 4))
def test_equal_probabilities_stay_in_one_bin(cases: Cases, bins: int) -> None:
    labels, values = (np.array(column) for column in zip(*cases, strict=True))
    found = curve(labels, values, bins)
    bounds = np.r_[0, np.cumsum(found.cases)]
    parts = [np.sort(values)[low:high] for low, high in pairwise(bounds)]
    assert found.predicted == pytest.approx([part.mean() for part in parts])
    assert all(one[-1] < other[0] for one, other in pairwise(parts))
    assert float(found.observed @ found.cases) == pytest.approx(labels.sum())


@given(CASES, st.integers(1, 4))
def test_the_error_is_the_curves_and_the_samples_own_prevalence_changes_nothing(cases: Cases, bins: int) -> None:
    labels, values = (np.array(column) for column in zip(*cases, strict=True))
    found = calibration_error(labels, values, bins)
    assert found == pytest.approx(curve(labels, values, bins).error, abs=1e-12)
    for measure in (brier, log_loss):
        assert measure(labels, values, prevalence=labels.mean()) == pytest.approx(measure(labels, values), rel=1e-9)


def test_the_error_at_another_prevalence_by_hand() -> None:
    # Half are diseased; of a population with a fifth: odds times 1/4, diseased count 0.4 and healthy 1.6.
    found = calibration_error([0, 0, 1, 1], [0.2, 0.5, 0.5, 0.8], bins=1, prevalence=0.2)
    moved = [1 / 17, 1 / 5, 1 / 5, 1 / 2]
    expected = abs(1.6 * (moved[0] + moved[1]) + 0.4 * (moved[2] + moved[3]) - 0.8) / 4
    assert found == pytest.approx(expected)


def test_calibrated_probabilities_have_no_error() -> None:
    labels, probabilities = [0, 1, 0, 0, 0, 1, 1, 1, 0, 1], [0.5, 0.5, *[0.25] * 4, *[0.75] * 4]
    assert calibration_error(labels, probabilities, bins=3) == pytest.approx(0, abs=1e-15)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_moving_there_and_back_leaves_probabilities_as_they_were(
    learned: float, prevalence: float, probabilities: list[float]
) -> None:
    moved = moved_probabilities(probabilities, learned, prevalence)
    assert ((moved >= 0) & (moved <= 1)).all()
    # Near 1 the odds of a probability are coarse, and a move makes them coarser.
    np.testing.assert_allclose(moved_probabilities(moved, prevalence, learned), probabilities, rtol=1e-9, atol=1e-9)


def test_a_probability_learned_at_one_prevalence_becomes_the_other() -> None:
    assert moved_probabilities([0.5, 0, 1], 0.5, 0.02) == pytest.approx([0.02, 0, 1])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", [np.float32, np.float64, list])
def test_the_kind_of_array_does_not_matter(measure: Callable[..., float], kind: Any) -> None:
    values = [0.25, 0.5, 0.75] * 4
    found = measure(np.array([False, True, True] * 4), values if kind is list else np.array(values, dtype=kind))
    assert type(found) is float
    assert found == measure([0, 1, 1] * 4, values)


def test_too_few_cases_are_undefined() -> None:
    assert isinstance(calibration_curve([0, 1], [0.1, 0.2], bins=3), Undefined)
    assert isinstance(calibration_error([0, 1], [0.1, 0.2], bins=3), Undefined)
    for measure in MEASURES:
        assert isinstance(measure([], []), Undefined)
        assert isinstance(measure([1] * 10, [0.5] * 10, prevalence=0.1), Undefined)
    assert isinstance(calibration_curve([], []), Undefined)


def test_one_class_has_scores_all_the_same() -> None:
    assert brier([1, 1], [0.5, 1]) == 0.125
    assert log_loss([1, 1], [0.5, 1]) == pytest.approx(math.log(2) / 2)


@pytest.mark.parametrize("measure", [*MEASURES, calibration_curve])
@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1, 2], [0.1, 0.2, 0.3], "0 or 1"),
        ([0, 1], [0.1, 1.1], "between 0 and 1"),
        ([0, 1], [-0.1, 0.5], "between 0 and 1"),
        ([0, 1], [0.1, math.inf], "between 0 and 1"),
        ([0, 1], [0.1, math.nan], "NaN"),
        ([0, 1], [0.1, 0.2, 0.3], "do not fit"),
    ],
)
def test_wrong_input_is_refused(
    measure: Callable[..., object], labels: list[int], probabilities: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        measure(labels, probabilities)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.1])
def test_an_impossible_prevalence_is_refused(measure: Callable[..., object], prevalence: float) -> None:
    with pytest.raises(ValueError, match="prevalence"):
        measure([0, 1], [0.1, 0.2], prevalence=prevalence)


def test_the_curve_at_another_prevalence_by_hand() -> None:
    # A half is diseased; one bin, of which a quarter is. At 10 %: odds 1/3 times (1/9) / 1.
    labels = [0, 0, 0, 1, 1, 1, 1, 0]
    probabilities = [0.25] * 4 + [0.75] * 4
    found = calibration_curve(labels, probabilities, bins=2, prevalence=0.1)
    assert isinstance(found, CalibrationCurve)
    assert found.observed == pytest.approx([1 / 28, 3 / 12])  # odds 1/27 and 3/9
    assert found.predicted == pytest.approx(found.observed)  # it was calibrated, and moved it still is
    assert found.error == pytest.approx(0)
    # A diseased case stands for 0.1 / 0.5, a healthy one for 0.9 / 0.5 cases of the population.
    assert found.weights == pytest.approx([(3 * 1.8 + 0.2) / 8, (1.8 + 3 * 0.2) / 8])
    plain = calibration_curve(labels, probabilities, bins=2)
    assert isinstance(plain, CalibrationCurve)
    assert (found.low < plain.low).all()
    assert plain.weights == pytest.approx([0.5, 0.5])
