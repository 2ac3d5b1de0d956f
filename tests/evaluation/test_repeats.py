"""What goes with the headline test, against values by hand, scipy and statsmodels."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from foveate.evaluation.repeats import (
    friedman_test,
    holm,
    mean_ranks,
    nadeau_bengio_test,
    probability_of_improvement,
    smallest_p,
)
from foveate.evaluation.results import Estimate, Undefined

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)
AUCS = st.lists(st.integers(0, 5).map(lambda n: n / 10 + 0.5), min_size=1, max_size=5)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_holms_published_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@settings(deadline=None, max_examples=20)  # statsmodels collects all garbage at every call
@given(P_VALUES)
def test_holm_steps_down_by_hand(p: list[float]) -> None:
    adjusted, highest = {}, 0.0
    for place, index in enumerate(np.argsort(p, kind="stable")):
        highest = max(highest, min(1.0, (len(p) - place) * p[index]))
        adjusted[int(index)] = highest
    assert holm(p) == pytest.approx([adjusted[index] for index in range(len(p))], abs=1e-12)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(P_VALUES)
def test_adjusted_p_values_keep_their_order_and_never_fall_below_the_raw_ones(p: list[float]) -> None:
    found = holm(p)
    assert (found >= np.array(p)).all()
    assert (found <= 1).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()
    assert found[::-1] == pytest.approx(holm(p[::-1]))


def test_one_comparison_or_none_needs_no_adjustment() -> None:
    assert holm([0.04]) == pytest.approx([0.04])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("p", [[-0.1], [1.1], [math.nan, 0.1], [[0.1]]])
def test_what_is_no_probability_is_refused(p: Any) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(p)


def test_nadeau_and_bengio_by_hand() -> None:
    found = nadeau_bengio_test([0.01, 0.02, 0.03], training=80, validation=20, confidence=0.9)
    error = math.sqrt(1e-4 * (1 / 3 + 1 / 4))
    assert found.estimate == pytest.approx(0.02)
    assert found.standard_error == pytest.approx(error)
    assert found.statistic == pytest.approx(0.02 / error)
    assert found.degrees_of_freedom == 2
    assert found.interval == pytest.approx((0.02 - 2.9199856 * error, 0.02 + 2.9199856 * error), abs=1e-9)
    # t with two degrees of freedom has a closed form.
    t = 0.02 / error
    assert found.p_value == pytest.approx(1 - t / math.sqrt(2 + t * t))


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=8).filter(lambda d: len(set(d)) > 1))
def test_without_overlap_it_is_the_plain_t_test(differences: list[int]) -> None:
    found, plain = nadeau_bengio_test(differences, 10, 0), stats.ttest_1samp(differences, 0)
    assert (found.statistic, found.p_value) == pytest.approx((plain.statistic, plain.pvalue), abs=1e-9)
    assert found.interval == pytest.approx(tuple(plain.confidence_interval()), abs=1e-9)
    corrected = nadeau_bengio_test(differences, 10, 5)
    assert isinstance(corrected.standard_error, float)
    assert isinstance(found.standard_error, float)
    assert corrected.standard_error > found.standard_error


def test_differences_that_do_not_vary() -> None:
    nothing = nadeau_bengio_test([0.0, 0.0, 0.0], 80, 20)
    assert (nothing.estimate, nothing.statistic, nothing.p_value) == (0, 0, 1)
    same = nadeau_bengio_test([0.1, 0.1, 0.1], 80, 20)
    assert same.estimate == pytest.approx(0.1)
    assert isinstance(same.p_value, Undefined)
    one = nadeau_bengio_test([0.1], 80, 20)
    assert one.estimate == 0.1
    assert isinstance(one.interval, Undefined)
    for differences in ([], [[0.1, 0.2]]):
        with pytest.raises(ValueError, match="differences"):
            nadeau_bengio_test(differences, 80, 20)


@settings(deadline=None, max_examples=40)
@given(AUCS, AUCS)
def test_the_chance_of_improvement_is_a_count_of_pairs(low: list[float], high: list[float]) -> None:
    found = probability_of_improvement(low, high, False, generator(), repetitions=50)
    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(high, low)]
    assert found.estimate == pytest.approx(np.mean(pairs))
    if isinstance(found.interval, tuple):
        assert 0 <= found.interval[0] <= found.interval[1] <= 1
    else:
        assert len(set(pairs)) == 1
    back = probability_of_improvement(high, low, False, generator(), repetitions=50)
    assert back.estimate == pytest.approx(1 - found.estimate)
    theirs = stats.mannwhitneyu(high, low).statistic / len(high) / len(low)
    assert found.estimate == pytest.approx(theirs)


def test_pairs_of_runs_are_compared_with_each_other_only() -> None:
    baseline, model = [0.1, 0.3, 0.5], [0.2, 0.4, 0.5]
    paired = probability_of_improvement(baseline, model, True, generator())
    assert paired.estimate == pytest.approx(2.5 / 3)
    assert probability_of_improvement(baseline, model, False, generator()).estimate == pytest.approx(5.5 / 9)
    # Drawn thrice from two wins and a tie: all ties, a half, have a chance of 1/27 and lie above the 2.5 % point.
    assert paired.interval == pytest.approx((0.5, 1.0))
    with pytest.raises(ValueError, match="no pairs"):
        probability_of_improvement(baseline, [0.2, 0.4], True, generator())


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("model", "share"), [([0.8, 0.9], 1), ([0.0, 0.05], 0), ([0.1, 0.1], 0.5)])
def test_runs_that_all_compare_alike_are_no_certainty(paired: bool, model: list[float], share: float) -> None:
    found = probability_of_improvement([0.1, 0.1], model, paired, generator(), repetitions=20)
    assert found.estimate == share
    assert isinstance(found.interval, Undefined)


# Demsar 2006: AUCs of four classifiers (rows) on fourteen data sets.
DEMSAR = np.array(
    [
        [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.94, 0.619, 0.972, 0.957],
        [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978],
        [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.9751, 0.946],
        [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970],
    ]
)


def numbers(result: Estimate | Undefined) -> Estimate:
    assert isinstance(result, Estimate)
    return result


def test_demsars_classifiers() -> None:
    assert mean_ranks(DEMSAR.T) == pytest.approx([3.143, 2.0, 2.893, 1.964], abs=5e-4)
    found = numbers(friedman_test(DEMSAR.T))
    assert found.statistic == pytest.approx(10.2283464566929)  # 9.28 in the paper, which does not correct for ties
    assert found.p_value == pytest.approx(0.0167215803284414)
    assert found.degrees_of_freedom == 3
    assert found.estimate == pytest.approx(3.142857 - 1.964286, abs=1e-6)


def test_zars_example_of_friedmans_test() -> None:
    table = [
        [7.0, 9.9, 8.5, 5.1, 10.3],
        [5.3, 5.7, 4.7, 3.5, 7.7],
        [4.9, 7.6, 5.5, 2.8, 8.4],
        [8.8, 8.9, 8.1, 3.3, 9.1],
    ]
    found = numbers(friedman_test(np.transpose(table)))
    assert (found.statistic, found.p_value) == pytest.approx((10.68, 0.0135882729582176))


@pytest.mark.parametrize("scores", [[[1, 2, 3]], [[1, 2], [1, 2]], [[1, 1, 1], [2, 2, 2]], [1, 2, 3], []])
def test_too_little_to_rank_is_undefined(scores: Any) -> None:
    assert isinstance(friedman_test(scores), Undefined)


def test_mean_ranks_share_ties_and_put_the_best_first() -> None:
    assert mean_ranks([[0.9, 0.8, 0.7], [0.6, 0.8, 0.8]]).tolist() == [2, 1.75, 2.25]
    assert mean_ranks(np.array([[1, 2], [1, 2]], dtype=np.uint8)).tolist() == [2, 1]


@given(st.lists(st.permutations(range(4)), min_size=2, max_size=10))
def test_without_ties_friedmans_statistic_follows_from_mean_ranks(rows: list[list[int]]) -> None:
    ranks, n, k = mean_ranks(rows), len(rows), 4
    assert ranks.sum() == pytest.approx(k * (k + 1) / 2)
    friedman = 12 * n / (k * (k + 1)) * ((ranks - (k + 1) / 2) ** 2).sum()
    found = numbers(friedman_test(rows))
    assert found.statistic == pytest.approx(friedman, abs=1e-9)
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*np.array(rows).T).pvalue, abs=1e-12)
    assert numbers(friedman_test(np.exp(rows))).statistic == pytest.approx(friedman, abs=1e-9)


TESTS: dict[str, Callable[[int], float]] = {
    "mann_whitney": lambda r: float(stats.mannwhitneyu(range(r), range(r, 2 * r), method="exact").pvalue),
    "wilcoxon": lambda r: float(stats.wilcoxon(np.arange(1.0, r + 1), method="exact").pvalue),
}


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("runs", range(1, 8))
def test_the_smallest_p_is_scipys_for_the_clearest_data(name: str, runs: int) -> None:
    assert smallest_p(name, runs) == pytest.approx(TESTS[name](runs))


@pytest.mark.parametrize(("runs", "models"), [(2, 2), (3, 2), (2, 3), (3, 3), (2, 4)])
def test_friedmans_smallest_p_is_the_share_of_rankings_that_all_agree(runs: int, models: int) -> None:
    orders = list(permutations(range(models)))
    spread = [np.ptp(sum(np.array(row) for row in rows)) for rows in product(orders, repeat=runs)]
    squares = [((sum(np.array(row) for row in rows)) ** 2).sum() for rows in product(orders, repeat=runs)]
    assert max(spread) == runs * (models - 1)
    assert smallest_p("friedman", runs, models) == pytest.approx(np.mean(np.array(squares) == max(squares)))


def test_three_runs_cannot_reach_significance_by_ranks_alone() -> None:
    assert smallest_p("mann_whitney", 3) == pytest.approx(0.1)
    assert smallest_p("wilcoxon", 3) == 0.25
    with pytest.raises(ValueError, match="mann_whitney, wilcoxon, friedman"):
        smallest_p("t", 3)
