"""Obuchowski-Rockette with runs as readers: the Van Dyke study, DeLong as its limit, and a check of its level."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from foveate.evaluation.delong import Components, auc_interval, components, delong_test
from foveate.evaluation.multireader import (
    Comparison,
    Design,
    ErrorCovariances,
    compare_runs,
    comparison,
    mean_auc_interval,
    overall_test,
)
from foveate.evaluation.results import Estimate, Undefined

Floats = NDArray[np.float64]
DESIGNS: tuple[Design, ...] = ("nested", "factorial")

# Van Dyke's study: 2 modalities, 5 readers, 114 cases; the printout of OR-DBM MRMC 2.5, jackknife covariances.
VAN_DYKE = Comparison(
    np.array(
        [
            [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
            [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
        ]
    ),
    ErrorCovariances(0.00080229, 0.00034661, 0.00034407, 0.00023903),
    "factorial",
)


def study(seed: int, models: int = 2, runs: int = 3, cases: int = 40, noise: float = 1.0) -> tuple[Any, Floats]:
    """Labels (n,) and scores (models, runs, n): a common view of the cases, and noise of each run's own."""
    generator = np.random.default_rng(seed)
    labels = np.arange(cases) % 2
    common = generator.normal(size=cases) + labels
    return labels, (common + noise * generator.normal(size=(models, runs, cases))).round(2)


def numbers(result: Estimate | Undefined) -> Estimate:
    assert isinstance(result, Estimate)
    return result


def by_hand(labels: ArrayLike, scores: Floats, design: Design) -> tuple[float, float, float]:
    """t of model 1 against 0, degrees of freedom and p by sums over indices (Hillis 2007, 2014)."""
    models, runs, cases = scores.shape
    found = components(labels, scores.reshape(-1, cases))
    assert isinstance(found, Components)
    a, s = found.aucs.reshape(models, runs), np.asarray(found.covariance)
    same_model, other = [], []
    for i in range(models):
        for j in range(runs):
            for k in range(models):
                for m in range(runs):
                    value = s[i * runs + j, k * runs + m]
                    if i == k and j != m:
                        same_model.append(value)
                    if i != k and (design == "nested" or j != m):
                        other.append(value)
    cases_part = runs * max(np.mean(same_model) - np.mean(other), 0)
    square = 0.0
    for i in range(models):
        for j in range(runs):
            rest = a[i, j] - a[i].mean()
            if design == "factorial":
                rest -= a[:, j].mean() - a.mean()
            square += rest**2
    freedom = (models - 1) * (runs - 1) if design == "factorial" else models * (runs - 1)
    square /= freedom
    denominator = square + cases_part
    t = (a[1].mean() - a[0].mean()) / math.sqrt(2 / runs * denominator)
    df = denominator**2 / (square**2 / freedom)
    return t, df, 2 * float(stats.t.sf(abs(t), df))


def test_van_dykes_mean_squares() -> None:
    assert VAN_DYKE.aucs.mean(1) == pytest.approx([0.89703704, 0.94083736], abs=1e-8)
    assert VAN_DYKE.between_models == pytest.approx(0.00479617, abs=5e-9)
    assert VAN_DYKE.between_runs == pytest.approx(0.00055103, abs=5e-9)


def test_van_dykes_tests_for_random_and_for_fixed_readers() -> None:
    # The published covariances have eight decimals, which leaves F and its freedom about 1 in 20,000.
    found = VAN_DYKE.overall()
    assert found.statistic == pytest.approx(4.45631869, rel=5e-5)
    assert isinstance(found.degrees_of_freedom, tuple)
    assert found.degrees_of_freedom == pytest.approx((1, 15.25967459), rel=1e-4)
    assert found.p_value == pytest.approx(0.05166569, rel=1e-4)
    paired = VAN_DYKE.against_baseline(1)
    assert paired.estimate == pytest.approx(0.04380032, abs=1e-8)
    assert paired.standard_error == pytest.approx(0.02074862, abs=5e-7)
    assert paired.interval == pytest.approx((-0.00035885, 0.08795950), abs=1e-6)
    fixed = VAN_DYKE.runs_fixed()
    assert fixed.statistic == pytest.approx(5.47595324, rel=5e-5)
    assert fixed.degrees_of_freedom == 1
    assert fixed.p_value == pytest.approx(0.01927984, rel=1e-4)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("seed", range(6))
def test_the_test_is_hillis_by_hand(design: Design, seed: int) -> None:
    labels, scores = study(seed, models=2 + seed % 2, runs=2 + seed % 3, noise=0.5 + seed)
    first = numbers(compare_runs(labels, scores, design)[0])
    t, freedom, p = by_hand(labels, scores, design)
    assert first.statistic == pytest.approx(t, rel=1e-9)
    assert first.degrees_of_freedom == pytest.approx(freedom, rel=1e-9)
    assert first.p_value == pytest.approx(p, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 5), st.sampled_from(DESIGNS))
def test_identical_runs_give_delongs_test(seed: int, runs: int, design: Design) -> None:
    labels, scores = study(seed, runs=1)
    (many,) = compare_runs(labels, np.repeat(scores, runs, axis=1), design)
    many, one = numbers(many), numbers(delong_test(labels, scores[0, 0], scores[1, 0]))
    assert many.degrees_of_freedom == math.inf
    assert many.estimate == pytest.approx(one.estimate, abs=1e-14)
    assert (many.statistic, many.p_value) == pytest.approx((one.statistic, one.p_value), rel=1e-9)
    assert many.interval == pytest.approx(one.interval, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 4), st.sampled_from(DESIGNS))
def test_two_models_have_an_overall_f_of_t_squared(seed: int, runs: int, design: Design) -> None:
    labels, scores = study(seed, runs=runs)
    pair, overall = numbers(compare_runs(labels, scores, design)[0]), numbers(overall_test(labels, scores, design))
    assert isinstance(pair.statistic, float)
    assert overall.statistic == pytest.approx(pair.statistic**2, rel=1e-9)
    assert overall.p_value == pytest.approx(pair.p_value, rel=1e-9)
    assert overall.degrees_of_freedom == (1, pair.degrees_of_freedom)
    assert overall.estimate == pytest.approx(abs(pair.estimate))


@pytest.mark.parametrize("design", DESIGNS)
def test_the_order_of_models_only_orders_the_results(design: Design) -> None:
    labels, scores = study(7, models=4)
    found = compare_runs(labels, scores, design)
    moved = compare_runs(labels, scores[[0, 3, 1, 2]], design)
    for one, other in zip(moved, (found[2], found[0], found[1]), strict=True):
        one, other = numbers(one), numbers(other)
        assert (one.estimate, one.statistic, one.p_value, one.standard_error) == pytest.approx(
            (other.estimate, other.statistic, other.p_value, other.standard_error), rel=1e-9
        )


@pytest.mark.parametrize("design", DESIGNS)
def test_swapping_the_baseline_changes_the_sign_only(design: Design) -> None:
    labels, scores = study(8)
    there, back = (numbers(compare_runs(labels, s, design)[0]) for s in (scores, scores[::-1]))
    assert isinstance(back.interval, tuple)
    assert isinstance(back.statistic, float)
    assert (there.estimate, there.statistic, there.p_value) == pytest.approx(
        (-back.estimate, -back.statistic, back.p_value), rel=1e-9
    )
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]), rel=1e-9)


def test_which_run_is_whose_partner_matters_only_where_runs_cross_models() -> None:
    labels, scores = study(9)
    shuffled = np.stack([scores[0], scores[1][[2, 0, 1]]])
    p = {
        design: [numbers(compare_runs(labels, s, design)[0]).p_value for s in (scores, shuffled)] for design in DESIGNS
    }
    assert p["nested"][0] == pytest.approx(p["nested"][1], rel=1e-9)
    assert p["factorial"][0] != pytest.approx(p["factorial"][1], rel=1e-3)


def test_a_negative_share_of_the_cases_counts_as_none() -> None:
    aucs = np.array([[0.8, 0.82], [0.9, 0.88]])
    clipped, none = (Comparison(aucs, ErrorCovariances(0.001, 0.0, cov2, 2e-4)) for cov2 in (1e-4, 2e-4))
    assert clipped.from_cases == 0
    assert clipped.against_baseline(1) == none.against_baseline(1)
    assert clipped.denominator() == pytest.approx((2e-4, 2))


def test_images_of_one_patient_do_not_count_as_cases() -> None:
    labels, scores = study(10)
    alone = compare_runs(labels, scores, patients=np.arange(len(labels)))
    plain = compare_runs(labels, scores)
    twice = compare_runs(np.tile(labels, 2), np.tile(scores, 2), patients=np.tile(np.arange(len(labels)), 2))
    naive = compare_runs(np.tile(labels, 2), np.tile(scores, 2))
    error = numbers(plain[0]).standard_error
    assert numbers(alone[0]).standard_error == pytest.approx(error, rel=1e-9)
    assert numbers(twice[0]).standard_error == pytest.approx(error, rel=1e-9)
    assert isinstance(error, float)
    assert numbers(naive[0]).standard_error < error


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_of_one_models_mean_is_hillis(seed: int) -> None:
    labels, (scores,) = study(seed, models=1, runs=4)
    found = components(labels, scores)
    assert isinstance(found, Components)
    s, a, runs = np.asarray(found.covariance), found.aucs, 4
    cov2 = np.mean([s[i, j] for i in range(runs) for j in range(runs) if i != j])
    total = a.var(ddof=1) + runs * max(cov2, 0)
    freedom = total**2 * (runs - 1) / a.var(ddof=1) ** 2
    mean, error = a.mean(), math.sqrt(total / runs)
    middle, reach = math.log(mean / (1 - mean)), stats.t.ppf(0.95, freedom) * error / mean / (1 - mean)
    got = numbers(mean_auc_interval(labels, scores, confidence=0.9))
    assert (got.estimate, got.standard_error) == pytest.approx((mean, error), rel=1e-9)
    assert got.degrees_of_freedom == pytest.approx(freedom, rel=1e-9)
    assert got.interval == pytest.approx([1 / (1 + math.exp(-x)) for x in (middle - reach, middle + reach)], rel=1e-9)


def test_a_mean_over_one_run_or_equal_runs_has_delongs_interval() -> None:
    labels, scores = study(3, models=1, runs=1)
    one = numbers(auc_interval(labels, scores[0, 0]))
    assert mean_auc_interval(labels, scores[0]) == one
    same = numbers(mean_auc_interval(labels, np.repeat(scores[0], 3, axis=0)))
    assert same.degrees_of_freedom == math.inf
    assert same.interval == pytest.approx(one.interval, rel=1e-9)


def test_under_no_difference_it_keeps_its_level_where_delong_on_one_run_does_not() -> None:
    generator = np.random.default_rng(0)
    labels, ours, delong, studies = np.arange(60) % 2, 0, 0, 300
    for _ in range(studies):
        # A training run's own bias: it moves all of its scores for disease.
        bias = 0.5 * generator.normal(size=(2, 3, 1)) * labels
        scores = generator.normal(size=60) + 1.5 * labels + bias + 0.4 * generator.normal(size=(2, 3, 60))
        ours += numbers(compare_runs(labels, scores)[0]).p_value < 0.05
        delong += numbers(delong_test(labels, scores[0, 0], scores[1, 0])).p_value < 0.05
    assert ours / studies < 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)
    assert delong / studies > 0.2


@pytest.mark.parametrize("design", DESIGNS)
def test_one_run_a_model_shows_a_difference_without_a_test(design: Design) -> None:
    labels, scores = study(4, models=3, runs=1)
    for found in compare_runs(labels, scores, design):
        assert math.isfinite(numbers(found).estimate)
        for part in ("standard_error", "interval", "statistic", "degrees_of_freedom", "p_value"):
            assert isinstance(getattr(found, part), Undefined)
    assert isinstance(overall_test(labels, scores, design).p_value, Undefined)


@pytest.mark.parametrize("design", DESIGNS)
def test_models_that_are_the_same_do_not_differ(design: Design) -> None:
    labels, scores = study(5)
    same = numbers(compare_runs(labels, scores[[0, 0]], design)[0])
    assert (same.estimate, same.statistic, same.p_value) == (0, 0, 1)
    perfect = numbers(compare_runs(labels, np.broadcast_to(labels, scores.shape), design)[0])
    assert (perfect.estimate, perfect.statistic, perfect.p_value) == (0, 0, 1)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_difference_without_any_variance_has_no_p_value(design: Design) -> None:
    labels = np.arange(10) % 2
    scores = np.stack([np.zeros((3, 10)), np.broadcast_to(labels, (3, 10))])
    found = numbers(compare_runs(labels, scores, design)[0])
    assert found.estimate == 0.5
    assert isinstance(found.p_value, Undefined)
    assert isinstance(overall_test(labels, scores, design).p_value, Undefined)
    both = comparison(labels, scores, design)
    assert isinstance(both, Comparison)
    assert isinstance(both.runs_fixed().p_value, Undefined)
    assert isinstance(mean_auc_interval(labels, scores[1]).interval, Undefined)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 0, 0, 1]])
def test_one_class_or_one_case_of_it_is_undefined(labels: list[int]) -> None:
    scores = np.arange(24.0).reshape(2, 3, 4) % 5
    (found,) = compare_runs(labels, scores)
    assert isinstance(found, Undefined)
    assert isinstance(overall_test(labels, scores), Undefined)
    assert isinstance(mean_auc_interval(labels, scores[0]).interval, Undefined)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((3, 40), "models, runs, cases"), ((2, 3, 39), "do not fit"), ((1, 3, 40), "two models"), ((2, 0, 40), "no")],
)
def test_scores_of_a_wrong_shape_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_runs(np.arange(40) % 2, np.ones(shape))


def test_other_wrong_input_is_refused() -> None:
    labels, scores = study(6)
    with pytest.raises(ValueError, match="nested or factorial"):
        compare_runs(labels, scores, "crossed")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        compare_runs(labels, scores * math.nan)
    for shape in ((40,), (2, 3, 40), (0, 40)):
        with pytest.raises(ValueError, match="runs"):
            mean_auc_interval(labels, np.ones(shape))


def test_lists_of_single_precision_do() -> None:
    labels, scores = study(2)
    assert compare_runs(list(labels), scores.astype(np.float32).tolist()) == compare_runs(
        labels.astype(bool), scores.astype(np.float32)
    )
