"""Decisions at a threshold, and thresholds that must not have seen what they judge."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import f1_score, matthews_corrcoef
from statsmodels.stats.proportion import proportion_confint

from foveate.evaluation import thresholds
from foveate.evaluation.results import Estimate, Undefined
from foveate.evaluation.thresholds import choose_threshold, cross_fitted_calls, decisions, wilson

NAMES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1", "mcc")

# 10 diseased, 9 of them called; 10 healthy, 2 of them called.
LABELS = np.repeat([1, 0], 10)
CALLS = np.r_[[1] * 9, 0, 1, 1, [0] * 8]


def value(result: Estimate | Undefined) -> float:
    assert isinstance(result, Estimate)
    return result.estimate


def calls_of(result: NDArray[np.bool_] | Undefined) -> NDArray[np.bool_]:
    assert not isinstance(result, Undefined)
    return result


def study(seed: int, cases: int = 40) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    labels = np.arange(cases) % 2
    return labels, generator.normal(size=cases) + labels


def test_seven_of_ten_has_the_published_wilson_interval() -> None:
    found = decisions([1] * 10, [1] * 7 + [0] * 3).sensitivity
    assert value(found) == 0.7
    assert found.interval == pytest.approx((0.39677814746114526, 0.892208732593699), abs=1e-12)


@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_intervals_are_statsmodels(hits: int, of: int, confidence: float) -> None:
    hits = min(hits, of)
    expected = proportion_confint(hits, of, 1 - confidence, method="wilson")
    assert wilson(hits, of, confidence).interval == pytest.approx(expected, abs=1e-12)


def test_every_measure_by_hand() -> None:
    found = decisions(LABELS, CALLS)
    tp, fn, fp, tn = 9, 1, 2, 8
    expected = [0.9, 0.8, 9 / 11, 8 / 9, 17 / 20, 18 / 21, (tp * tn - fp * fn) / math.sqrt(11 * 10 * 10 * 9)]
    assert [name for name, _ in found.items()] == list(NAMES)
    assert [value(result) for _, result in found.items()] == pytest.approx(expected)
    assert [result.interval is None for _, result in found.items()] == [False] * 5 + [True] * 2
    of = {"sensitivity": (9, 10), "specificity": (8, 10), "ppv": (9, 11), "npv": (8, 9), "accuracy": (17, 20)}
    narrow = dict(decisions(LABELS, CALLS, confidence=0.8).items())
    for name, counts in of.items():
        assert getattr(found, name).interval == wilson(*counts).interval
        assert narrow[name].interval == wilson(*counts, 0.8).interval


def test_every_measure_at_another_prevalence_by_hand() -> None:
    found = decisions(LABELS, CALLS, prevalence=0.1)
    tp, fn, fp, tn = 0.09, 0.01, 0.18, 0.72
    mcc = (tp * tn - fp * fn) / math.sqrt(0.27 * 0.1 * 0.9 * 0.73)
    expected = [0.9, 0.8, 1 / 3, 0.72 / 0.73, 0.81, 0.18 / 0.37, mcc]
    assert [value(result) for _, result in found.items()] == pytest.approx(expected)
    assert found.sensitivity.interval == decisions(LABELS, CALLS).sensitivity.interval
    assert found.ppv.interval is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_f1_and_mcc_are_scikit_learns_and_the_samples_own_prevalence_changes_nothing(
    pairs: list[tuple[bool, bool]],
) -> None:
    labels, called = np.array(pairs).T
    found = decisions(labels, called)
    if isinstance(found.f1, Estimate):
        assert found.f1.estimate == pytest.approx(f1_score(labels, called))
    else:
        assert not labels.any()
        assert not called.any()
    if isinstance(found.mcc, Estimate):
        assert found.mcc.estimate == pytest.approx(matthews_corrcoef(labels, called))
    else:
        assert len(set(labels)) == 1 or len(set(called)) == 1
    if len(set(labels)) == 2:
        for (_, here), (_, there) in zip(
            found.items(), decisions(labels, called, prevalence=labels.mean()).items(), strict=True
        ):
            assert isinstance(here, Undefined) == isinstance(there, Undefined)
            if isinstance(here, Estimate):
                assert value(there) == pytest.approx(here.estimate, abs=1e-9)


@pytest.mark.parametrize(
    ("labels", "called", "missing"),
    [
        ([], [], NAMES),
        ([1, 1], [1, 1], ("specificity", "npv", "mcc")),
        ([0, 0], [0, 0], ("sensitivity", "ppv", "f1", "mcc")),
        ([0, 1], [1, 1], ("npv", "mcc")),
        ([0, 1], [0, 0], ("ppv", "mcc")),
        ([0, 1], [1, 0], ()),
    ],
)
def test_a_share_of_nothing_is_undefined(labels: list[int], called: list[int], missing: tuple[str, ...]) -> None:
    found = decisions(labels, called)
    assert tuple(name for name, result in found.items() if isinstance(result, Undefined)) == missing


def test_another_prevalence_needs_both_classes() -> None:
    found = decisions([1, 1], [1, 0], prevalence=0.1)
    assert value(found.sensitivity) == 0.5
    assert all(isinstance(result, Undefined) for name, result in found.items() if name != "sensitivity")


@given(st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), max_size=20), st.sampled_from([0.3, 0.5, 0.95, 1]))
def test_a_threshold_is_the_highest_of_the_best(cases: list[tuple[bool, int]], rule: float) -> None:
    labels, scores = (np.array(column) for column in zip((True, 1), (False, 0), *cases, strict=True))
    able = {t: ((scores[labels] >= t).mean(), (scores[~labels] >= t).mean()) for t in scores}
    gain = {t: round(sensitivity - false, 9) for t, (sensitivity, false) in able.items()}
    assert choose_threshold(labels, scores) == max(t for t in able if gain[t] == max(gain.values()))
    reached = max(t for t, (sensitivity, _) in able.items() if sensitivity >= rule - 1e-9)
    assert choose_threshold(labels, scores, rule) == reached


def test_a_threshold_that_separates_is_the_lowest_diseased_score() -> None:
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9]) == 0.7
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], 0.5) == 0.9
    found = choose_threshold([0, 1], np.array([0.1, 0.7], dtype=np.float32))
    assert type(found) is float


def test_an_infinite_score_ranks_like_any_other() -> None:
    assert choose_threshold([0, 0, 1, 1], [-math.inf, 0.2, 0.7, math.inf]) == 0.7


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rule", ["youden", 0.9])
def test_a_patient_has_no_part_in_the_threshold_that_judges_it(
    monkeypatch: pytest.MonkeyPatch, seed: int, rule: float | str
) -> None:
    labels, scores = study(seed, 60)
    patients = np.random.default_rng(seed).integers(20, size=60)
    seen: list[tuple[set[float], float]] = []

    def spy(y: Any, s: Any, chosen: float | str) -> float | Undefined:
        threshold = choose_threshold(y, s, chosen)
        assert not isinstance(threshold, Undefined)
        seen.append((set(s), threshold))
        return threshold

    monkeypatch.setattr(thresholds, "choose_threshold", spy)
    called = calls_of(cross_fitted_calls(labels, scores, rule, patients, folds=4, seed=seed))
    judged = np.array([[score not in known for score in scores] for known, _ in seen])  # (folds, n): scores are unique
    assert len(judged) == 4
    assert (judged.sum(0) == 1).all()
    for patient in set(patients):
        assert (judged[:, patients == patient].any(1)).sum() == 1
    for fold, (_, threshold) in zip(judged, seen, strict=True):
        np.testing.assert_array_equal(called[fold], scores[fold] >= threshold)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(0, 11))
def test_a_patients_labels_do_not_change_its_own_calls(seed: int, folds: int, patient: int) -> None:
    # Every patient has an image of each class: to exchange a patient's labels leaves the folds as they are.
    labels, scores = study(seed, 24)
    patients = np.arange(24) // 2
    own = patients == patient
    turned = np.where(own, 1 - labels, labels)
    before, after = (calls_of(cross_fitted_calls(y, scores, patients=patients, folds=folds)) for y in (labels, turned))
    np.testing.assert_array_equal(before[own], after[own])


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10**6), st.integers(0, 23), st.sampled_from(["youden", 0.9]))
def test_a_cases_own_score_does_not_move_the_threshold_it_meets(seed: int, case: int, rule: float | str) -> None:
    labels, scores = study(seed, 24)
    calls = []
    for score in sorted([*scores, -100.0, 100.0]):
        changed = scores.copy()
        changed[case] = score
        calls.append(bool(calls_of(cross_fitted_calls(labels, changed, rule))[case]))
    assert (calls[0], calls[-1]) == (False, True)
    assert sum(one != other for one, other in pairwise(calls)) == 1


def test_the_seed_decides_the_folds() -> None:
    labels, scores = study(0)
    first, second, *others = (calls_of(cross_fitted_calls(labels, scores, seed=seed)) for seed in (0, 0, 1, 2, 3))
    np.testing.assert_array_equal(first, second)
    assert any((first != other).any() for other in others)


@pytest.mark.parametrize(
    ("labels", "patients"), [([0, 0, 0, 1], None), ([0, 0, 1, 1], [1, 2, 3, 3]), ([1, 1, 1], None), ([], None)]
)
def test_a_class_of_one_patient_leaves_no_calls(labels: list[int], patients: list[int] | None) -> None:
    assert isinstance(cross_fitted_calls(labels, np.arange(len(labels)), patients=patients), Undefined)


def test_two_cases_a_class_are_enough() -> None:
    # However they are dealt: 5 is judged by the threshold 6, and 6 by 5.
    assert calls_of(cross_fitted_calls([0, 0, 1, 1], [1, 2, 5, 6])).tolist() == [False, False, False, True]
    assert calls_of(cross_fitted_calls([0, 0, 1, 1], [1, 1, 2, 2])).tolist() == [False, False, True, True]


def test_wrong_input_is_refused() -> None:
    for rule in ("best", 0.0, 1.5):
        with pytest.raises(ValueError, match="youden"):
            choose_threshold([0, 1], [1, 2], rule)
    with pytest.raises(ValueError, match="0 or 1"):
        decisions([0, 1], [0, 2])
    with pytest.raises(ValueError, match="do not fit"):
        decisions([0, 1], [0, 1, 1])
    for prevalence in (0.0, 1.0):
        with pytest.raises(ValueError, match="prevalence"):
            decisions([0, 1], [0, 1], prevalence=prevalence)
    for call in (choose_threshold, cross_fitted_calls):
        with pytest.raises(ValueError, match="NaN"):
            call([0, 1], [1, math.nan])
    with pytest.raises(ValueError, match="fit"):
        cross_fitted_calls([0, 1, 0, 1], [1, 2, 3, 4], patients=[1, 2])


@pytest.mark.parametrize("labels", [[], [0, 0], [1, 1]])
def test_a_threshold_needs_both_classes(labels: list[int]) -> None:
    assert isinstance(choose_threshold(labels, [1.0, 2.0][: len(labels)]), Undefined)
