"""Power: a study of the observed size has the observed error, and more of anything helps."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from foveate.evaluation.multireader import Comparison, Design, ErrorCovariances, compare_runs, comparison
from foveate.evaluation.planning import Power, power, power_of
from foveate.evaluation.results import Estimate, Undefined

DESIGNS: tuple[Design, ...] = ("nested", "factorial")


@st.composite
def plans(draw: st.DrawFn, run: float | None = None) -> Power:
    """Variances of AUCs from none to SDs of 0.03."""
    variances = st.just(0.0) | st.floats(1e-6, 1e-3)
    return Power(
        draw(variances) if run is None else run,
        draw(st.floats(1e-6, 1e-3)),
        draw(variances),
        draw(st.integers(50, 500)),
        draw(st.integers(2, 5)),
        draw(st.sampled_from(DESIGNS)),
    )


def plan(result: Power | Undefined) -> Power:
    assert isinstance(result, Power)
    return result


def study(seed: int, models: int = 2, runs: int = 3) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Runs with a bias of their own, so that they lie further apart than their cases make them."""
    generator = np.random.default_rng(seed)
    labels = np.arange(60) % 2
    bias = 0.8 * generator.normal(size=(models, runs, 1)) * labels
    scores = generator.normal(size=60) + labels + bias + 0.3 * generator.normal(size=(models, runs, 60))
    return labels, scores


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("seed", range(8))
def test_a_study_of_its_own_size_has_its_own_error(design: Design, seed: int) -> None:
    labels, scores = study(seed, models=2 + seed % 3, runs=2 + seed % 4)
    found, known = plan(power(labels, scores, design)), compare_runs(labels, scores, design)[0]
    compared = comparison(labels, scores, design)
    assert isinstance(compared, Comparison)
    assert isinstance(known, Estimate)
    error, freedom = found.error(scores.shape[1], 60)
    assert isinstance(known.standard_error, float)
    if compared.between_runs == pytest.approx(found.run + found.run_and_case):  # nothing was clipped
        assert error == pytest.approx(known.standard_error, rel=1e-9)
        assert freedom == pytest.approx(known.degrees_of_freedom, rel=1e-9)
    else:
        assert found.run == 0
        assert error > known.standard_error


@pytest.mark.parametrize("design", DESIGNS)
def test_of_those_studies_most_are_not_clipped(design: Design) -> None:
    runs = [plan(power(*study(seed, models=2 + seed % 3, runs=2 + seed % 4), design)).run for seed in range(8)]
    assert sum(run > 0 for run in runs) >= 5


def test_the_sources_by_hand() -> None:
    aucs = np.array([[0.80, 0.84], [0.90, 0.86]])  # MS(R in T) = 8e-4; MS(TR) = 16e-4
    nested = plan(power_of(Comparison(aucs, ErrorCovariances(9e-4, 0, 5e-4, 3e-4), "nested"), 100))
    assert (nested.run, nested.run_and_case, nested.case) == pytest.approx((4e-4, 4e-4, 2e-4))
    factorial = plan(power_of(Comparison(aucs, ErrorCovariances(9e-4, 4e-4, 5e-4, 3e-4), "factorial"), 100))
    assert (factorial.run, factorial.run_and_case, factorial.case) == pytest.approx((13e-4, 3e-4, 2e-4))
    # Four runs, 400 cases: run / 4 + (run and case) / 4 / 4 + case / 4, twice for a difference.
    error, freedom = nested.error(4, 400)
    assert error == pytest.approx(math.sqrt(2 * (1e-4 + 0.25e-4 + 0.5e-4)))
    assert freedom == pytest.approx(2 * 3 * (7e-4 / 5e-4) ** 2)


def test_runs_closer_than_their_cases_make_them_have_no_variance_of_their_own() -> None:
    aucs = np.array([[0.80, 0.81], [0.90, 0.90]])
    found = plan(power_of(Comparison(aucs, ErrorCovariances(9e-4, 0, 5e-4, 6e-4), "nested"), 100))
    assert (found.run, found.run_and_case, found.case) == pytest.approx((0, 4e-4, 0))


@settings(deadline=None)
@given(plans(), st.floats(0.01, 0.2), st.integers(2, 8))
def test_without_a_difference_the_power_is_the_level(study: Power, alpha: float, runs: int) -> None:
    assert study.power(0, runs, 100, alpha) == pytest.approx(alpha, abs=1e-6)


@settings(deadline=None)
@given(plans(), st.floats(0.1, 3), st.integers(2, 8), st.integers(50, 500))
def test_more_runs_and_a_greater_difference_have_more_power(study: Power, errors: float, runs: int, cases: int) -> None:
    difference = errors * study.error(runs, cases)[0]
    known = study.power(difference, runs, cases)
    assert 0.05 - 1e-9 <= known <= 1
    assert study.power(-difference, runs, cases) == known
    assert study.power(1.3 * difference, runs, cases) > known
    assert study.power(difference, runs + 1, cases) > known
    assert study.power(difference, runs, cases, alpha=0.01) < known


@settings(deadline=None)
@given(plans(run=0.0), st.floats(0.1, 3), st.integers(2, 8), st.integers(50, 500))
def test_more_cases_have_more_power(study: Power, errors: float, runs: int, cases: int) -> None:
    difference = errors * study.error(runs, cases)[0]
    assert study.power(difference, runs, cases + 50) > study.power(difference, runs, cases)


@settings(deadline=None)
@given(plans(), st.integers(2, 8), st.integers(50, 500))
def test_the_error_shrinks_with_runs_and_with_cases(study: Power, runs: int, cases: int) -> None:
    error = study.error(runs, cases)[0]
    assert study.error(runs + 1, cases)[0] < error
    assert study.error(runs, cases + 1)[0] < error
    assert study.error(runs, 10**13)[0] == pytest.approx(math.sqrt(2 * study.run / runs), abs=1e-5)


@pytest.mark.parametrize("difference", [0.02, 0.05])
def test_power_is_the_share_of_simulated_studies_that_show_the_difference(difference: float) -> None:
    known = Power(2e-4, 1e-4, 1e-4, 100, 2, "nested")
    generator, studies, runs = np.random.default_rng(0), 40_000, 3
    # Nested runs of two models over the observed cases: t of equal means with the known share of the cases.
    own = math.sqrt(3e-4) * generator.normal(size=(studies, 2, runs))
    cases = math.sqrt(1e-4) * generator.normal(size=(studies, 2, 1))
    aucs = own + cases + difference * np.array([0, 1])[:, None]
    square = aucs.var(axis=2, ddof=1).mean(1)
    total = square + runs * 1e-4
    t = np.diff(aucs.mean(2))[:, 0] / np.sqrt(2 * total / runs)
    freedom = total**2 / (square**2 / (2 * (runs - 1)))
    shown = (2 * stats.t.sf(abs(t), freedom) < 0.05).mean()
    assert known.power(difference, runs, 100) == pytest.approx(shown, abs=0.02)


@pytest.mark.parametrize("shift", [5, 10, 20, 40, 1000])
@pytest.mark.parametrize("design", DESIGNS)
def test_a_difference_of_many_errors_is_sure_to_be_shown(shift: float, design: Design) -> None:
    known = Power(1e-4, 1e-4, 1e-4, 100, 3, design)
    error = known.error(4, 100)[0]
    assert known.power(shift * error, 4, 100) == pytest.approx(1, abs=0.05)
    assert known.power(shift * error, 4, 100) <= 1


@pytest.mark.parametrize(
    "known",
    [
        Power(1e-4, 2e-4, 1e-4, 100, 2, "nested"),
        Power(5e-5, 1e-3, 5e-4, 300, 4, "factorial"),
        Power(1e-6, 2e-4, 1e-4, 100, 2, "nested"),  # runs that are nearly alike, as in practice
        Power(0.0, 2e-4, 1e-4, 100, 2, "nested"),
    ],
)
@pytest.mark.parametrize("difference", [0.03, 0.1])
def test_the_cases_needed_are_the_fewest_that_reach_the_power(known: Power, difference: float) -> None:
    needed = known.cases_needed(difference, 5, power=0.8)
    assert needed is not None
    assert known.power(difference, 5, needed) >= 0.8
    assert needed == 2 or known.power(difference, 5, needed - 1) < 0.8


def test_cases_that_are_enough_are_found_though_more_of_them_have_less_power() -> None:
    # More cases leave the runs alone with the error term, and that with their few degrees of freedom.
    known = Power(5.6e-5, 0.0, 1e-5, 200, 2, "factorial")
    assert known.power(0.05, 2, 50) > 0.9 > 0.5 > known.power(0.05, 2, 1_000_000)
    needed = known.cases_needed(0.05, 2, power=0.8)
    assert needed is not None
    assert needed <= 50


def test_no_number_of_cases_makes_up_for_runs_that_lie_far_apart() -> None:
    known = Power(1e-2, 1e-4, 1e-4, 100, 2, "nested")
    assert known.cases_needed(0.01, 3) is None
    assert known.cases_needed(0.0, 3) is None


def test_the_runs_needed_are_the_fewest_that_reach_the_power() -> None:
    known = Power(4e-5, 1e-4, 1e-5, 200, 2, "nested")
    needed = known.runs_needed(0.02, 200)
    assert needed is not None
    assert known.power(0.02, needed, 200) >= 0.8 > known.power(0.02, needed - 1, 200)
    assert known.runs_needed(0.02, 20_000) < needed


def test_runs_do_not_make_up_for_cases_that_all_models_share() -> None:
    # With runs without end 2 * 1e-4 is left: an error of 1.4 points, for 80 % of which 2.8 errors are needed.
    known = Power(1e-4, 1e-4, 1e-4, 100, 2, "nested")
    assert known.runs_needed(0.02, 100) is None
    assert known.runs_needed(0.045, 100) is not None


def test_the_least_of_both_has_the_fewest_scores() -> None:
    known = Power(1e-4, 1e-4, 1e-4, 100, 2, "nested")
    found = known.least_of_both(0.02)
    assert found is not None
    runs, cases = found
    assert known.power(0.02, runs, cases) >= 0.8
    every = [(number, known.cases_needed(0.02, number)) for number in range(2, 60)]
    least = min(number * of for number, of in every if of is not None)
    assert least <= runs * cases <= 1.1 * least
    assert known.least_of_both(0.0) is None


def test_a_plan_of_millions_of_cases_has_a_number() -> None:
    known = Power(0.0, 1e-4, 1e-4, 100, 2, "nested")
    needed = known.cases_needed(1e-4, 5)
    assert needed is not None
    assert needed > 1_000_000
    assert known.power(1e-4, 5, needed) >= 0.8 > known.power(1e-4, 5, needed - 1000)


def test_without_any_variance_every_difference_is_sure() -> None:
    known = Power(0.0, 0.0, 0.0, 100, 2, "nested")
    assert known.error(3, 100) == (0, math.inf)
    assert (known.power(0.01, 3, 100), known.power(0.0, 3, 100)) == (1, 0)


def test_identical_runs_have_a_normal_power() -> None:
    known = Power(0.0, 0.0, 1e-4, 100, 2, "nested")
    error, freedom = known.error(3, 100)
    assert freedom == math.inf
    # 1.96 + 0.8416 errors have a power of 80 %.
    assert known.power((1.959964 + 0.8416212) * error, 3, 100) == pytest.approx(0.8, abs=1e-5)
    assert known.cases_needed(0.05, 3) is not None


def test_one_run_or_one_class_has_no_power_to_speak_of() -> None:
    labels, scores = study(0, runs=1)
    assert isinstance(power(labels, scores), Undefined)
    assert isinstance(power(np.ones(60), np.repeat(scores, 2, axis=1)), Undefined)
    known = plan(power(*study(0)))
    for runs, cases in ((1, 100), (3, 1)):
        with pytest.raises(ValueError, match="two"):
            known.error(runs, cases)
    with pytest.raises(ValueError, match="nested or factorial"):
        power(*study(0), design="crossed")  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        known.run = 0.0  # type: ignore[misc]


def test_a_patients_images_are_one_source() -> None:
    labels, scores = study(1)
    once = plan(power(labels, scores))
    twice = plan(power(np.tile(labels, 2), np.tile(scores, 2), patients=np.tile(np.arange(60), 2)))
    assert (twice.run, twice.run_and_case, twice.case) == pytest.approx(
        (once.run, once.run_and_case, once.case), rel=1e-9
    )
    assert twice.cases == 2 * once.cases
