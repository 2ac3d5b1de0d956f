"""DeLong's covariances and tests, against published values and the textbook's sums over all pairs of cases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from foveate.evaluation.delong import (
    Components,
    auc_interval,
    components,
    delong_overall_test,
    delong_test,
    hanley_mcneil_error,
    interval_of_auc,
    z_test,
)
from foveate.evaluation.results import Estimate, Undefined

Floats = NDArray[np.float64]
Study = tuple[NDArray[np.bool_], Floats]  # labels (n,), scores (3, n) with many ties

# Subarachnoid haemorrhage, 41 poor and 72 good outcomes: pROC's published variances and covariances.
AUC = {"wfns": 0.8236788617886179, "s100b": 0.7313685636856369, "ndka": 0.6119579945799458}
VARIANCE = {"wfns": 0.00146991470882363, "s100b": 0.00266868245717244, "ndka": 0.0031908105493913}
COVARIANCE = {
    ("wfns", "s100b"): 0.00119615567376754,
    ("wfns", "ndka"): -0.000532967856762438,
    ("ndka", "s100b"): -0.000756164938056579,
}

# Hanley and McNeil 1982: 58 normal and 51 abnormal on a scale of five.
HANLEY_LABELS = np.repeat([0, 1], [58, 51])
HANLEY_SCORES = np.repeat([1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])

LABELS = [0, 1, 0, 1, 1, 0]
SCORES = [0.2, 0.3, 0.1, 0.9, 0.15, 0.6]


def textbook(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """AUCs and covariances by DeLong's formulas over all pairs, O(mn)."""
    ill, values = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=np.float64)
    x, y = values[:, ill][:, :, None], values[:, ~ill][:, None, :]
    pairs = (x > y) + 0.5 * (x == y)  # (k, m, n)
    aucs = pairs.mean((1, 2))
    m, n = pairs.shape[1:]
    v10, v01 = pairs.mean(2) - aucs[:, None], pairs.mean(1) - aucs[:, None]
    return aucs, v10 @ v10.T / (m - 1) / m + v01 @ v01.T / (n - 1) / n


def obuchowski(labels: ArrayLike, scores: ArrayLike, patients: ArrayLike) -> Floats:
    """Clustered covariances by loops over patients (Obuchowski 1997, equations 2 to 6)."""
    ill, values, of = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=np.float64), np.asarray(patients)
    x, y = values[:, ill][:, :, None], values[:, ~ill][:, None, :]
    pairs = (x > y) + 0.5 * (x == y)
    aucs, (m, n) = pairs.mean((1, 2)), pairs.shape[1:]
    v10, v01 = pairs.mean(2) - aucs[:, None], pairs.mean(1) - aucs[:, None]
    names = np.unique(of)
    a = np.array([v10[:, of[ill] == name].sum(1) for name in names])  # (patients, k)
    b = np.array([v01[:, of[~ill] == name].sum(1) for name in names])
    ill_patients, well_patients = len(np.unique(of[ill])), len(np.unique(of[~ill]))
    s10 = sum(np.outer(row, row) for row in a) * ill_patients / ((ill_patients - 1) * m)
    s01 = sum(np.outer(row, row) for row in b) * well_patients / ((well_patients - 1) * n)
    s11 = sum(np.outer(first, second) for first, second in zip(a, b, strict=True)) * len(names) / (len(names) - 1)
    return np.asarray(s10 / m + s01 / n + (s11 + s11.T) / (m * n))


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """At least two cases a class; three scores that are often tied."""
    score = st.integers(-3, 3)
    scores = draw(st.lists(st.tuples(score, score, score), min_size=4, max_size=24))
    more = len(scores) - 4
    labels = [False, False, True, True, *draw(st.lists(st.booleans(), min_size=more, max_size=more))]
    return np.array(labels), np.array(scores, dtype=np.float64).T


def covariance(labels: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None) -> Floats:
    found = components(labels, scores, patients)
    assert isinstance(found, Components)
    assert not isinstance(found.covariance, Undefined)
    return found.covariance


def estimate(result: Estimate | Undefined) -> Estimate:
    assert isinstance(result, Estimate)
    return result


@pytest.mark.parametrize(
    ("first", "second", "z", "p", "interval"),
    [
        ("wfns", "s100b", 2.20898359144091, 0.0271757822291882, (0.0104061769564846, 0.174214419249478)),
        ("wfns", "ndka", 2.79777591868904, 0.00514557970691098, (0.0634011709339876, 0.3600405634833566)),
        ("ndka", "s100b", -1.39077002573558, 0.164295175223054, (-0.2876917446341914, 0.0488706064228094)),
    ],
)
def test_the_published_paired_tests_follow_from_their_covariances(
    first: str, second: str, z: float, p: float, interval: tuple[float, float]
) -> None:
    error = math.sqrt(VARIANCE[first] + VARIANCE[second] - 2 * COVARIANCE[first, second])
    found = z_test(AUC[first] - AUC[second], error, 0.95, "paired")
    assert found.statistic == pytest.approx(z, rel=1e-9)
    assert found.p_value == pytest.approx(p, rel=1e-8)  # of wfns and s100b, the published one-sided .0135879 is half
    assert found.interval == pytest.approx(interval, abs=1e-10)


def test_the_published_unpaired_statistics_follow_from_their_variances() -> None:
    for second, z in (("s100b", 1.43490640926908), ("ndka", 3.10125096778969)):
        found = z_test(AUC["wfns"] - AUC[second], math.sqrt(VARIANCE["wfns"] + VARIANCE[second]), 0.95, "unpaired")
        assert found.statistic == pytest.approx(z, rel=1e-9)


@pytest.mark.parametrize(
    ("marker", "scale", "interval", "digits"),
    [
        ("ndka", "linear", (0.501244999271703, 0.722670989888189), 1e-12),
        ("wfns", "logit", (0.735764, 0.886842), 5e-7),
    ],
)
def test_the_published_intervals(marker: str, scale: str, interval: tuple[float, float], digits: float) -> None:
    found = interval_of_auc(AUC[marker], math.sqrt(VARIANCE[marker]), 1.959963984540054, scale)
    assert found == pytest.approx(interval, abs=digits)


def test_hanley_and_mcneils_ratings_and_closed_form() -> None:
    found = estimate(auc_interval(HANLEY_LABELS, HANLEY_SCORES))
    assert found.estimate == pytest.approx(0.8931710615280595, abs=1e-12)
    assert found.standard_error == pytest.approx(0.030724408379381122, abs=1e-12)
    assert hanley_mcneil_error(found.estimate, 51, 58) == pytest.approx(0.03248657960734214, abs=1e-12)
    for auc, error in ((0.8, 0.0445022), (0.9, 0.0321239)):
        assert hanley_mcneil_error(auc, 50, 50) == pytest.approx(error, abs=5e-8)


@given(studies())
def test_covariances_are_the_textbooks(study: Study) -> None:
    found = components(*study)
    assert isinstance(found, Components)
    aucs, expected = textbook(*study)
    np.testing.assert_allclose(found.aucs, aucs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(covariance(*study), expected, rtol=0, atol=1e-12)


@given(studies(), st.integers(1, 8), st.integers(0, 1000))
def test_clustered_covariances_are_obuchowskis(study: Study, number: int, seed: int) -> None:
    labels, scores = study
    patients = np.random.default_rng(seed).integers(number, size=len(labels))
    found = components(labels, scores, patients)
    assert isinstance(found, Components)
    if min(len(np.unique(patients[labels])), len(np.unique(patients[~labels]))) < 2:
        assert isinstance(found.covariance, Undefined)
    else:
        np.testing.assert_allclose(
            covariance(labels, scores, patients), obuchowski(labels, scores, patients), rtol=0, atol=1e-12
        )


@given(studies())
def test_one_image_a_patient_needs_no_clusters(study: Study) -> None:
    labels, scores = study
    patients = [f"patient {number}" for number in range(len(labels))]
    np.testing.assert_allclose(covariance(labels, scores, patients), covariance(labels, scores), rtol=0, atol=1e-14)


@given(studies())
def test_images_that_say_the_same_twice_add_nothing(study: Study) -> None:
    labels, scores = study
    twice, patients = np.tile(scores, 2), np.tile(np.arange(len(labels)), 2)
    known = covariance(labels, scores)
    np.testing.assert_allclose(covariance(np.tile(labels, 2), twice, patients), known, rtol=0, atol=1e-14)
    # Taken for cases of their own they would: S / m becomes S (m - 1) / (2m - 1) / m in either class.
    x, y = scores[:, labels][:, :, None], scores[:, ~labels][:, None, :]
    pairs = (x > y) + 0.5 * (x == y)
    m, n = pairs.shape[1:]
    ill, well = np.cov(pairs.mean(2)) / m, np.cov(pairs.mean(1)) / n
    expected = ill * (m - 1) / (2 * m - 1) + well * (n - 1) / (2 * n - 1)
    np.testing.assert_allclose(covariance(np.tile(labels, 2), twice), expected, rtol=0, atol=1e-14)


@given(studies())
def test_only_the_order_of_scores_counts_and_turned_round_it_is_never_flipped(study: Study) -> None:
    labels, scores = study
    plain, mapped, negated = (components(labels, values) for values in (scores, np.exp(scores * 2) - 7, -scores))
    assert isinstance(plain, Components)
    assert isinstance(mapped, Components)
    assert isinstance(negated, Components)
    np.testing.assert_array_equal(mapped.aucs, plain.aucs)
    np.testing.assert_array_equal(mapped.covariance, plain.covariance)
    np.testing.assert_allclose(negated.aucs, 1 - plain.aucs, rtol=0, atol=1e-14)
    np.testing.assert_allclose(covariance(labels, -scores), covariance(labels, scores), rtol=0, atol=1e-14)


@given(studies())
def test_the_paired_test_is_the_covariances_and_antisymmetric(study: Study) -> None:
    labels, scores = study
    a, b, _ = scores
    there, back = estimate(delong_test(labels, a, b)), estimate(delong_test(labels, b, a))
    assert there.estimate == pytest.approx(-back.estimate, abs=1e-15)
    assert there.p_value == back.p_value
    (first, second, _), s = textbook(labels, scores)
    assert there.estimate == pytest.approx(second - first, abs=1e-12)
    assert isinstance(there.standard_error, float)
    assert there.standard_error**2 == pytest.approx(s[0, 0] + s[1, 1] - 2 * s[0, 1], abs=1e-12)
    if isinstance(there.statistic, Undefined) or isinstance(back.statistic, Undefined):
        assert there.statistic == back.statistic
        return
    assert there.statistic == pytest.approx(-(back.statistic or 0.0), abs=1e-12)
    if isinstance(there.interval, Undefined) or isinstance(back.interval, Undefined):
        assert there.interval == back.interval
        return
    assert isinstance(there.interval, tuple)
    assert isinstance(back.interval, tuple)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]), abs=1e-14)


@settings(deadline=None)
@given(studies(), st.floats(0.5, 0.99))
def test_the_logit_interval_stays_within_bounds_and_grows_with_confidence(study: Study, confidence: float) -> None:
    labels, scores = study
    found = estimate(auc_interval(labels, scores[0], confidence)).interval
    wider = estimate(auc_interval(labels, scores[0], 0.999)).interval
    if isinstance(found, tuple) and isinstance(wider, tuple):
        assert 0 <= wider[0] <= found[0] <= textbook(labels, scores[:1])[0][0] <= found[1] <= wider[1] <= 1
    else:
        assert isinstance(found, Undefined)


# Of one rank but for rounding, which leaves an eigenvalue of 5e-16 of the other.
NEARLY_RANK_1 = (
    np.array([False, False, True, True, False]),
    np.array([[1, 1, 1, 2, 1], [0, 1, 1, 2, 1], [1, 0, 0, 2, 0]]),
)


@settings(deadline=None)
@given(studies())
@example(NEARLY_RANK_1)
def test_the_overall_test_is_the_contrasts_chi_square(study: Study) -> None:
    labels, scores = study
    aucs, s = textbook(labels, scores)
    contrast = np.array([[1, -1, 0], [0, 1, -1]])  # another basis than the code's
    within, between = contrast @ s @ contrast.T, contrast @ aucs
    found = estimate(delong_overall_test(labels, scores))
    assert found.estimate == pytest.approx(np.ptp(aucs), abs=1e-12)
    if np.linalg.cond(within) < 1e8:
        assert found.degrees_of_freedom == 2
        assert found.statistic == pytest.approx(between @ np.linalg.solve(within, between), rel=1e-6, abs=1e-9)
        assert found.p_value == pytest.approx(math.exp(-(found.statistic or 0.0) / 2), rel=1e-9)  # chi-square of 2
    else:
        assert found.degrees_of_freedom != 2


@pytest.mark.parametrize("seed", range(20))
def test_scores_that_rank_alike_do_not_count_twice_in_the_overall_test(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.arange(40) % 2
    a, b = (generator.integers(20, size=40) + labels * shift for shift in (3, 6))  # whole: no map can merge two
    paired = estimate(delong_test(labels, a, b))
    found = estimate(delong_overall_test(labels, [a, b, np.exp(b / 4), 3 * a]))
    assert found.degrees_of_freedom == 1
    assert found.statistic == pytest.approx((paired.statistic or 0.0) ** 2, rel=1e-9)
    assert found.p_value == pytest.approx(paired.p_value, rel=1e-9)


def test_the_same_scores_twice_do_not_differ() -> None:
    found = estimate(delong_test(LABELS, SCORES, SCORES))
    assert (found.estimate, found.standard_error) == (0.0, 0.0)
    assert isinstance(found.interval, Undefined)  # no variance here is no certainty elsewhere
    assert (found.statistic, found.p_value) == (0.0, 1.0)
    assert isinstance(delong_overall_test(LABELS, [SCORES, SCORES]).p_value, Undefined)


@pytest.mark.parametrize(("scores", "auc"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([7, 7, 7, 7], 0.5)])
@pytest.mark.parametrize("scale", ["logit", "linear"])
def test_scores_without_variance_have_no_interval(scores: list[int], auc: float, scale: str) -> None:
    found = estimate(auc_interval([0, 0, 1, 1], scores, scale=scale))
    assert (found.estimate, found.standard_error) == (auc, 0.0)
    assert isinstance(found.interval, Undefined)


def test_a_difference_without_variance_has_no_p_value() -> None:
    found = estimate(delong_test([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1]))
    assert found.estimate == -1
    assert isinstance(found.p_value, Undefined)
    assert isinstance(found.interval, Undefined)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_is_undefined(labels: list[int]) -> None:
    for found in (auc_interval(labels, [1, 2, 3]), delong_test(labels, [1, 2, 3], [3, 2, 1])):
        assert isinstance(found, Undefined)
        assert found.interval is found
    assert isinstance(auc_interval([], []), Undefined)
    assert isinstance(delong_overall_test(labels, [[1, 2, 3], [3, 2, 1]]), Undefined)


@pytest.mark.parametrize("patients", [None, ["a", "b", "c", "c"]])
def test_a_class_of_one_case_or_one_patient_has_an_auc_without_variance(patients: list[str] | None) -> None:
    labels = [0, 0, 0, 1] if patients is None else [0, 0, 1, 1]
    for found in (
        estimate(auc_interval(labels, [1, 2, 3, 2], patients=patients)),
        estimate(delong_test(labels, [1, 2, 3, 2], [2, 2, 1, 4], patients=patients)),
        estimate(delong_overall_test(labels, [[1, 2, 3, 2], [2, 2, 1, 4]], patients)),
    ):
        assert math.isfinite(found.estimate)
        assert isinstance(found.p_value or found.interval, Undefined)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1, 2], [1, 2, 3], "0 or 1"),
        ([-1, 1, 1], [1, 2, 3], "0 or 1"),
        ([0, math.nan, 1], [1, 2, 3], "0 or 1"),
        (["0", "1", "1"], [1, 2, 3], "0 or 1"),
        ([[0, 1, 1]], [1, 2, 3], "one dimension"),
        ([0, 1, 1], [1, math.nan, 3], "NaN"),
        ([0, 1, 1], [1, 2], "do not fit"),
        ([0, 1, 1], [1, 2, 3, 4], "do not fit"),
        ([0, 1, 1], [], "do not fit"),
        ([0, 1, 1], 1.0, None),
        (LABELS, [SCORES, SCORES], None),
    ],
)
def test_wrong_input_is_refused(labels: Any, scores: Any, message: str | None) -> None:
    with pytest.raises(ValueError, match=message):
        auc_interval(labels, scores)
    with pytest.raises(ValueError, match=message):
        delong_test(labels, scores, scores)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="logit or linear"):
        auc_interval(LABELS, SCORES, scale="probit")
    with pytest.raises(ValueError, match="between 0 and 1"):
        auc_interval(LABELS, SCORES, confidence=95)
    with pytest.raises(ValueError, match="patients"):
        auc_interval(LABELS, SCORES, patients=[1, 2])
    with pytest.raises(ValueError):  # noqa: PT011 - any message will do
        delong_overall_test(LABELS, SCORES)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int8, list])
def test_the_kind_of_array_does_not_matter(kind: Any) -> None:
    labels, scores = [False, True, False, True, True], [3, 4, 1, 3, 2]
    given_scores = list(scores) if kind is list else np.array(scores, dtype=kind)
    found = estimate(auc_interval(np.array(labels), given_scores))
    assert found == auc_interval([int(label) for label in labels], [float(score) for score in scores])
    assert type(found.estimate) is float
    assert covariance(labels, np.array([given_scores])).dtype == np.float64


def test_infinite_scores_rank_like_any_others() -> None:
    wide = [1, math.inf, -math.inf, 2, math.inf, 3]
    assert auc_interval(LABELS, wide) == auc_interval(LABELS, [1, 9, -9, 2, 9, 3])
    assert delong_test(LABELS, SCORES, wide) == delong_test(LABELS, SCORES, [1, 9, -9, 2, 9, 3])
