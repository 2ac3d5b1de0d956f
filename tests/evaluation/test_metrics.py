"""Measures of one run, against values worked out by hand and scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from foveate.evaluation.metrics import auc, average_precision, multiclass_auc, sensitivity_at, softmax
from foveate.evaluation.results import Undefined

Cases = list[tuple[bool, int]]
CASES = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), max_size=30)


def sensitivity(labels: Any, scores: Any) -> float | Undefined:
    return sensitivity_at(labels, scores, 0.8)


MEASURES = (auc, average_precision, sensitivity)


def arrays(cases: Cases) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Labels and scores with a case of either class at least."""
    labels = np.array([True, False, *(label for label, _ in cases)])
    return labels, np.array([0, 1, *(score for _, score in cases)], dtype=float)


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),  # 3 of 4 pairs in order
        ([0, 1], [0.3, 0.3], 0.5),  # a tie is a half
        ([0, 0, 1], [0.1, 0.2, 0.3], 1.0),
        ([1, 1, 0], [0.1, 0.2, 0.3], 0.0),  # never flipped
        # Hanley and McNeil 1982: 58 normal, 51 abnormal on a scale of five.
        (
            [0] * 58 + [1] * 51,
            np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33]),
            0.8931710615,
        ),
    ],
)
def test_auc(labels: list[int], scores: list[float], expected: float) -> None:
    assert auc(labels, scores) == pytest.approx(expected, abs=1e-9)


@given(CASES)
def test_auc_is_the_share_of_pairs_in_order(cases: Cases) -> None:
    labels, scores = arrays(cases)
    pairs = [(x > y) + 0.5 * (x == y) for x in scores[labels] for y in scores[~labels]]
    assert auc(labels, scores) == pytest.approx(np.mean(pairs), abs=1e-12)


@given(CASES)
def test_auc_sees_order_only(cases: Cases) -> None:
    labels, scores = arrays(cases)
    assert auc(labels, scores) == pytest.approx(auc(labels, np.arctan(scores / 7) * 3 + 1))
    value = auc(labels, scores)
    assert isinstance(value, float)
    assert auc(labels, -scores) == pytest.approx(1 - value)


@given(CASES)
def test_average_precision_is_scikit_learns_and_the_sum_of_steps_by_hand(cases: Cases) -> None:
    labels, scores = arrays(cases)
    called = [labels[scores >= threshold] for threshold in sorted(set(scores), reverse=True)]
    found = np.array([part.sum() for part in called]) / labels.sum()
    steps = np.diff(found, prepend=0) * [part.mean() for part in called]
    assert average_precision(labels, scores) == pytest.approx(steps.sum(), abs=1e-12)
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@given(CASES, st.sampled_from([0.0, 0.3, 0.5, 0.8, 0.9, 1.0]))
def test_sensitivity_is_the_best_of_any_threshold_that_is_specific_enough(cases: Cases, specificity: float) -> None:
    labels, scores = arrays(cases)
    possible = [
        (scores[labels] >= threshold).mean()
        for threshold in [*scores, math.inf]
        if (scores[~labels] < threshold).mean() >= specificity
    ]
    assert sensitivity_at(labels, scores, specificity) == max(possible)


def test_a_specificity_that_the_curve_hits_exactly_counts() -> None:
    labels, scores = [0] * 10 + [1] * 4, [*range(10), 8.5, 9.5, 7.5, 3.5]
    assert sensitivity_at(labels, scores, 0.9) == 0.5  # 9 of 10 below 9, though 1 - 0.1 is not 0.9 in binary
    assert sensitivity_at(labels, scores, 0.91) == 0.25


def test_average_precision_of_chance_is_the_share_of_the_diseased() -> None:
    assert average_precision([0, 0, 0, 1], [5, 5, 5, 5]) == 0.25


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1]])
def test_what_needs_both_classes_is_undefined_without(labels: list[int]) -> None:
    scores = [0.2, 0.3][: len(labels)]
    assert isinstance(auc(labels, scores), Undefined)
    assert isinstance(sensitivity_at(labels, scores, 0.5), Undefined)
    if 1 in labels:  # nothing healthy to be called diseased
        assert average_precision(labels, scores) == 1
    else:
        assert isinstance(average_precision(labels, scores), Undefined)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1, 2], [1, 2, 3], "0 or 1"),
        ([-1, 1, 1], [1, 2, 3], "0 or 1"),
        ([0, 1], [1, math.nan], "NaN"),
        ([0, 1], [1, 2, 3], "do not fit"),
        ([[0, 1]], [1, 2], "one dimension"),
    ],
)
def test_wrong_input_is_refused(
    measure: Callable[[Any, Any], object], labels: list[int], scores: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        measure(labels, scores)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_kind_of_array_does_not_matter(measure: Callable[[Any, Any], float]) -> None:
    labels, scores = [False, True, False, True, True], [3, 4, 1, 3, 2]
    expected = measure(labels, scores)
    assert type(expected) is float
    for kind in (np.float32, np.int8):
        assert measure(np.array(labels, dtype=int), np.array(scores, dtype=kind)) == expected


@pytest.mark.parametrize("measure", MEASURES)
def test_infinite_scores_rank_like_any_others(measure: Callable[[Any, Any], float]) -> None:
    labels = [0, 1, 0, 1, 1, 0]
    assert measure(labels, [1, math.inf, -math.inf, 2, math.inf, 3]) == measure(labels, [1, 9, -9, 2, 9, 3])


@pytest.mark.parametrize("seed", range(5))
def test_several_classes_are_means_of_two(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.r_[0, 1, 2, 3, generator.integers(4, size=40)]
    values = softmax(generator.normal(size=(44, 4)) + np.eye(4)[labels])
    one = [float(auc(labels == k, values[:, k])) for k in range(4)]  # type: ignore[arg-type]
    assert multiclass_auc(labels, values) == pytest.approx(np.mean(one), abs=1e-12)
    pairs: list[Any] = []
    for i, j in combinations(range(4), 2):
        here = (labels == i) | (labels == j)
        pairs += [auc(labels[here] == k, values[here, k]) for k in (i, j)]
    assert multiclass_auc(labels, values, "hand_till") == pytest.approx(np.mean(pairs), abs=1e-12)
    sklearns = roc_auc_score(labels, values, multi_class="ovo", average="macro")
    assert multiclass_auc(labels, values, "hand_till") == pytest.approx(sklearns, abs=1e-12)


def test_equal_probabilities_of_a_class_are_ties_whatever_the_others() -> None:
    # A sure network: 1 in single precision, and what is left for the others far below its rounding.
    values = np.array([[1, 1e-9, 0], [1, 0, 1e-8], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    # Class 0 ties with one of three; of class 1, one case beats both others, one ties with one and loses to one.
    assert multiclass_auc([0, 1, 1, 2], values) == pytest.approx((2.5 / 3 + 2.5 / 4 + 1) / 3)


def test_an_absent_class_leaves_no_auc_of_several() -> None:
    assert isinstance(multiclass_auc([0, 1, 1], np.eye(3)), Undefined)
    assert multiclass_auc([0, 1, 2], np.eye(3, dtype=np.float32)) == 1
    with pytest.raises(ValueError, match="do not fit"):
        multiclass_auc([0, 1, 2], np.eye(4))
    with pytest.raises(ValueError, match="NaN"):
        multiclass_auc([0, 1, 2], np.full((3, 3), math.nan))


def test_softmax() -> None:
    np.testing.assert_allclose(softmax([[0.0, np.log(3.0)]]), [[0.25, 0.75]])
    assert np.isfinite(softmax([[1e4, -1e4]])).all()
