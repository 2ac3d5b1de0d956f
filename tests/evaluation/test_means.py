"""Means over cases: their covariance, intervals and tests against closed forms and scipy, and a check of the level."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from foveate.evaluation.means import Means, mean_interval, means_of, paired_test
from foveate.evaluation.multireader import Comparison, mean_comparison
from foveate.evaluation.results import Estimate, Undefined

Floats = NDArray[np.float64]


def numbers(result: Estimate | Undefined) -> Estimate:
    assert isinstance(result, Estimate)
    return result


def found(values: Floats, patients: object = None) -> Means:
    result = means_of(values, patients)  # type: ignore[arg-type]
    assert isinstance(result, Means)
    return result


def draws(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).random(shape)


def test_the_covariance_is_that_of_the_values_over_the_number_of_cases() -> None:
    values = draws(1, 3, 20)
    result = found(values)
    assert result.means == pytest.approx(values.mean(1))
    assert np.asarray(result.covariance) == pytest.approx(np.cov(values) / 20)
    assert result.units == 20


def test_clusters_by_hand() -> None:
    # Mean 0.5; patients' sums of deviations: (0.3, -0.1) -> 0.2, (-0.2,) -> -0.2; (0.04 + 0.04) / 3^2 * 2/(2-1)
    result = found(np.array([[0.8, 0.4, 0.3]]), ["x", "x", "y"])
    assert np.asarray(result.covariance) == pytest.approx(np.array([[0.08 / 9 * 2]]))
    assert result.units == 2


def test_patients_with_one_case_each_change_nothing_and_copies_add_nothing() -> None:
    values = draws(2, 2, 15)
    alone = np.asarray(found(values).covariance)
    assert np.asarray(found(values, np.arange(15)).covariance) == pytest.approx(alone)
    copied = found(np.repeat(values, 3, axis=1), np.repeat(np.arange(15), 3))
    assert np.asarray(copied.covariance) == pytest.approx(alone)


def test_a_missing_score_leaves_the_case_out_of_its_own_mean_alone() -> None:
    values = draws(3, 2, 12)
    values[0, 4] = np.nan
    result = found(values)
    assert result.means == pytest.approx([np.nanmean(values[0]), values[1].mean()])
    first = np.delete(values[0], 4)
    covariance = np.asarray(result.covariance)
    # Sums of squares over 11 and 12 cases, each on a frame of 12
    assert covariance[0, 0] == pytest.approx(((first - first.mean()) ** 2).sum() / 11**2 * 12 / 11)
    assert covariance[1, 1] == pytest.approx(np.var(values[1], ddof=1) / 12)


def test_what_cannot_be_said() -> None:
    assert isinstance(means_of([[np.nan, np.nan]]), Undefined)
    assert isinstance(found(np.array([[0.5]])).covariance, Undefined)
    assert isinstance(found(np.array([[0.5, 0.6]]), ["x", "x"]).covariance, Undefined)
    assert isinstance(numbers(mean_interval([[0.5]])).interval, Undefined)
    assert isinstance(numbers(mean_interval([[0.0, 0.0, 0.0]])).interval, Undefined)  # all miss: no variance
    for wrong in ([0.1, 0.2], np.zeros((0, 3))):
        with pytest.raises(ValueError, match="must be"):
            means_of(wrong)


def test_one_runs_interval_is_that_of_t_on_the_logit_scale() -> None:
    values = draws(4, 1, 25)
    result = numbers(mean_interval(values, 0.9))
    mean, error = values.mean(), stats.sem(values[0])
    reach = stats.t.ppf(0.95, 24) * error / (mean * (1 - mean))
    ends = [1 / (1 + np.exp(-(np.log(mean / (1 - mean)) + sign * reach))) for sign in (-1, 1)]
    assert isinstance(result.interval, tuple)
    assert list(result.interval) == pytest.approx(ends)


def test_several_runs_interval_by_hand() -> None:
    values = draws(5, 3, 30)
    result = numbers(mean_interval(values))
    covariance = np.cov(values) / 30
    cov2 = (covariance.sum() - np.trace(covariance)) / 6
    between = np.var(values.mean(1), ddof=1)
    total = between + 3 * max(cov2, 0)
    assert result.standard_error == pytest.approx(np.sqrt(total / 3))
    assert result.degrees_of_freedom == pytest.approx(total**2 * 2 / between**2)


def test_the_paired_test_is_scipys() -> None:
    first, second = draws(6, 2, 18)
    result = numbers(paired_test(first, second, 0.95))
    oracle = stats.ttest_rel(second, first)
    assert result.statistic == pytest.approx(oracle.statistic)
    assert result.p_value == pytest.approx(oracle.pvalue)
    interval = oracle.confidence_interval(0.95)
    assert result.interval == pytest.approx((interval.low, interval.high))
    assert result.method == "paired t over cases"
    assert numbers(paired_test(first, second, patients=np.arange(18) // 2)).degrees_of_freedom == 8


def test_the_paired_test_of_what_does_not_differ() -> None:
    same = numbers(paired_test([0.1, 0.5, 0.2], [0.1, 0.5, 0.2]))
    assert (same.estimate, same.p_value) == (0.0, 1.0)
    always = numbers(paired_test([0.25, 0.5], [0.5, 0.75]))
    assert always.estimate == 0.25
    assert isinstance(always.p_value, Undefined)
    with pytest.raises(ValueError, match="NaN"):
        paired_test([0.1, np.nan], [0.1, 0.2])
    with pytest.raises(ValueError, match="make no pairs"):
        paired_test([0.1], [0.1, 0.2])


@pytest.mark.parametrize("design", ["nested", "factorial"])
def test_a_comparison_of_means_by_hand(design: str) -> None:
    values = draws(7, 2, 3, 16)
    result = mean_comparison(values, design)  # type: ignore[arg-type]
    assert isinstance(result, Comparison)
    assert result.aucs == pytest.approx(values.mean(2))
    covariance = np.cov(values.reshape(6, 16)) / 16
    within = [covariance[i, j] for i in range(6) for j in range(6) if i != j and i // 3 == j // 3]
    across = [
        covariance[i, j]
        for i in range(6)
        for j in range(6)
        if i // 3 != j // 3 and (design == "nested" or i % 3 != j % 3)
    ]
    assert result.covariances.cov2 == pytest.approx(np.mean(within))
    assert result.covariances.cov3 == pytest.approx(np.mean(across))
    assert "AUC" not in result.against_baseline(1).method


def test_runs_that_are_alike_are_tested_over_cases_as_one_run_is() -> None:
    """Where runs do not differ at all, only the cases are random: the paired test's error, with infinite freedom."""
    first, second = draws(8, 2, 40)
    values = np.stack([np.stack([first, first]), np.stack([second, second])])
    result = mean_comparison(values, "nested")
    assert isinstance(result, Comparison)
    compared = result.against_baseline(1)
    assert compared.standard_error == pytest.approx(numbers(paired_test(first, second)).standard_error)
    assert compared.degrees_of_freedom == np.inf


def test_comparisons_refuse_gaps_and_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="NaN"):
        mean_comparison([[[0.1, np.nan]], [[0.1, 0.2]]])
    with pytest.raises(ValueError, match="two models or more"):
        mean_comparison([[[0.1, 0.2]]])
    with pytest.raises(ValueError, match="design"):
        mean_comparison([[[0.1, 0.2]], [[0.1, 0.2]]], "crossed")  # type: ignore[arg-type]
    assert isinstance(mean_comparison([[[0.1]], [[0.2]]]), Undefined)


def test_under_the_null_the_level_holds() -> None:
    """300 studies of two like models with three runs: effects of cases, runs, models and their cases."""
    generator = np.random.default_rng(9)
    refused = 0
    for _ in range(300):
        case, run = generator.normal(0, 0.15, 30), generator.normal(0, 0.04, (2, 3, 1))
        of_model = generator.normal(0, 0.05, (2, 1, 30))  # a model's own strength on each case: cov2 above cov3
        values = 0.5 + case + run + of_model + generator.normal(0, 0.05, (2, 3, 30))
        result = mean_comparison(values, "nested")
        assert isinstance(result, Comparison)
        p = result.against_baseline(1).p_value
        assert isinstance(p, float)
        refused += p < 0.05
    assert 4 <= refused <= 26  # 15 expected; a standard deviation is 3.8
