"""Choices among models: exact tests against enumeration, strengths against published leagues."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special, stats
from statsmodels.stats.contingency_tables import cochrans_q

from foveate.evaluation import choices
from foveate.evaluation.choices import (
    Strengths,
    bradley_terry,
    cochran_q,
    exact_multinomial_test,
    within_case_permutation_test,
)
from foveate.evaluation.results import Estimate, Undefined

# Agresti: American League 1987, row beat column; log strengths against Baltimore.
TEAMS = ("MIL", "DET", "TOR", "NY", "BOS", "CLE", "BAL")
BASEBALL = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]
BASEBALL_STRENGTH = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]

# Wikipedia, Bradley-Terry model: four teams.
FOUR_TEAMS = [[0, 2, 0, 1], [3, 0, 5, 0], [0, 3, 0, 1], [4, 0, 3, 0]]


def rows(*digits: str) -> NDArray[np.int64]:
    return np.array([[int(digit) for digit in row] for row in digits])


CONOVER = rows("111", "111", "010", "110", "000", "111", "111", "110", "001", "010", "111", "111")
FOUR_COLUMNS = rows("0001", "0001", "0001", "1111", "1001", "0101", "1001", "0001", "0100", "0000", "1001", "0011")


def numbers(result: Estimate | Undefined) -> Estimate:
    assert isinstance(result, Estimate)
    return result


def p_value(result: Estimate | Undefined) -> float:
    p = numbers(result).p_value
    assert isinstance(p, float)
    return p


def strengths(result: Strengths | Undefined) -> Strengths:
    assert isinstance(result, Strengths)
    return result


@pytest.mark.parametrize(
    ("counts", "p"),
    [((4, 0, 0, 0), 0.015625), ((5, 2, 1), 0.2958390489), ((10, 5, 3, 2), 0.0785244499), ((1, 1, 1), 1.0)],
)
def test_exact_multinomial_tests_against_even_chances(counts: tuple[int, ...], p: float) -> None:
    assert p_value(exact_multinomial_test(counts)) == pytest.approx(p, abs=5e-11)


def test_the_chi_square_of_an_exact_test() -> None:
    found = numbers(exact_multinomial_test([10, 5, 3, 2]))
    expected = stats.chisquare([10, 5, 3, 2])
    assert found.statistic == pytest.approx(expected.statistic)
    assert expected.pvalue == pytest.approx(0.055044, abs=5e-7)
    assert (found.estimate, found.degrees_of_freedom) == (0.5, 3)


@pytest.mark.parametrize(
    ("hits", "of", "chance", "p"), [(682, 925, 0.75, 0.3824915595748517), (7, 10, 0.25, 0.003505706787109375)]
)
def test_published_binomial_tests_are_multinomial_ones_of_two(hits: int, of: int, chance: float, p: float) -> None:
    assert p_value(exact_multinomial_test([hits, of - hits], [chance, 1 - chance])) == pytest.approx(p, rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 30), st.integers(1, 30), st.floats(0.05, 0.95))
def test_two_choices_are_a_binomial_test(hits: int, of: int, chance: float) -> None:
    hits = min(hits, of)
    found = p_value(exact_multinomial_test([hits, of - hits], [chance, 1 - chance]))
    assert found == pytest.approx(stats.binomtest(hits, of, chance).pvalue, abs=1e-9)


@pytest.mark.parametrize("counts", [(3, 1, 0), (2, 2, 1), (0, 0, 5)])
def test_uneven_chances_by_enumeration(counts: tuple[int, ...]) -> None:
    chances, n = (0.5, 0.3, 0.2), sum(counts)

    def chance(outcome: tuple[int, ...]) -> float:
        ways = math.factorial(n) / math.prod(math.factorial(count) for count in outcome)
        return ways * math.prod(p**count for p, count in zip(chances, outcome, strict=True))

    outcomes = [outcome for outcome in product(range(n + 1), repeat=3) if sum(outcome) == n]
    expected = sum(chance(outcome) for outcome in outcomes if chance(outcome) <= chance(counts) * (1 + 1e-9))
    assert p_value(exact_multinomial_test(counts, chances)) == pytest.approx(expected, abs=1e-12)


def test_too_many_outcomes_are_left_to_chi_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_ENUMERABLE", 10)
    found = numbers(exact_multinomial_test([10, 5, 3, 2]))
    assert found.p_value == pytest.approx(stats.chisquare([10, 5, 3, 2]).pvalue)
    assert "chi-square" in found.method


def test_cochrans_published_examples() -> None:
    found = numbers(cochran_q(CONOVER))
    assert found.statistic == pytest.approx(2.8)
    assert found.degrees_of_freedom == 2
    assert found.p_value == pytest.approx(0.246597, abs=5e-7)
    assert found.estimate == pytest.approx(10 / 12)
    found = numbers(cochran_q(FOUR_COLUMNS))
    assert found.statistic == pytest.approx(13.2857143, abs=5e-8)
    assert found.p_value == pytest.approx(0.00405776, abs=5e-9)


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=20))
def test_cochrans_q_is_statsmodels(table: list[list[bool]]) -> None:
    found = cochran_q(table)
    if all(len(set(row)) == 1 for row in table):
        assert isinstance(found, Undefined)
        return
    theirs = cochrans_q(np.array(table, dtype=int))
    assert numbers(found).statistic == pytest.approx(theirs.statistic, abs=1e-9)
    assert p_value(found) == pytest.approx(theirs.pvalue, abs=1e-12)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40))
def test_with_one_choice_a_row_cochrans_q_is_friedmans_and_the_chi_square(chosen: list[int]) -> None:
    table = np.eye(4)[chosen]
    found = numbers(cochran_q(table))
    assert found.statistic == pytest.approx(stats.chisquare(table.sum(0)).statistic, abs=1e-9)
    friedman = stats.friedmanchisquare(*table.T)
    assert found.statistic == pytest.approx(friedman.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(friedman.pvalue, abs=1e-9)
    assert found.statistic == pytest.approx(numbers(exact_multinomial_test(table.sum(0))).statistic, abs=1e-9)


@pytest.mark.parametrize("chosen", [[0, 0, 0, 0], [0, 0, 1, 2], [0, 1, 2, 0], [0, 0, 0, 1]])
def test_the_permutation_test_is_what_counting_all_permutations_gives(chosen: list[int]) -> None:
    # A permutation of labels puts a case's one choice anywhere, with equal chances.
    def statistic(picks: tuple[int, ...]) -> float:
        return float(stats.chisquare(np.bincount(picks, minlength=3)).statistic)

    every = [statistic(picks) for picks in product(range(3), repeat=4)]
    exact = np.mean(np.array(every) >= statistic(tuple(chosen)) - 1e-9)
    found = numbers(within_case_permutation_test(chosen, 3, repetitions=20_000))
    assert found.statistic == pytest.approx(statistic(tuple(chosen)))
    assert found.estimate == max(np.bincount(chosen)) / 4
    assert found.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


def test_readers_of_one_case_who_agree_count_once() -> None:
    one = within_case_permutation_test([0, 0, 0, 1], 3, repetitions=500)
    three = within_case_permutation_test([0, 0, 0, 1] * 3, 3, [1, 2, 3, 4] * 3, repetitions=500)
    apart = within_case_permutation_test([0, 0, 0, 1] * 3, 3, repetitions=500)
    assert p_value(three) == p_value(one)
    assert p_value(apart) < p_value(one) / 3


def test_choices_of_none_do_not_count() -> None:
    plain = within_case_permutation_test([0, 0, 2], 3)
    assert within_case_permutation_test([0, None, 0, -1, 2], 3) == plain
    assert within_case_permutation_test(np.array([0, -1, 0, -1, 2]), 3, ["a", "x", "b", "c", "d"]) == plain


def test_the_generator_decides_the_permutations_and_the_data_are_one_of_them() -> None:
    chosen = [0, 0, 1, 0, 2, 0]
    first, second, other = (
        within_case_permutation_test(chosen, 3, repetitions=300, generator=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other
    assert p_value(within_case_permutation_test([0] * 30, 4, repetitions=99)) == pytest.approx(0.01)
    assert p_value(within_case_permutation_test([0, 1, 2], 3, repetitions=99)) == 1


def test_under_no_preference_the_permutation_test_keeps_its_level() -> None:
    generator, studies = np.random.default_rng(0), 300
    p = []
    for _ in range(studies):
        favourite = generator.integers(3, size=8)  # of a case: its three readers mostly agree
        chosen = np.where(generator.random((3, 8)) < 0.7, favourite, generator.integers(3, size=(3, 8)))
        cases = np.tile(np.arange(8), 3)
        p.append(p_value(within_case_permutation_test(chosen.ravel(), 3, cases, repetitions=99, generator=generator)))
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) < level + 3 * math.sqrt(level * (1 - level) / studies)
    assert np.mean(p) < 0.65  # and not by never rejecting


def test_agrestis_baseball_league() -> None:
    found = strengths(bradley_terry(BASEBALL, reference=TEAMS.index("BAL")))
    assert found.log_strength == pytest.approx(BASEBALL_STRENGTH, abs=5e-5)
    assert found.standard_error[-1] == 0
    assert (found.standard_error[:-1] > 0.3).all()


def test_wikipedias_four_teams() -> None:
    found = strengths(bradley_terry(FOUR_TEAMS))
    assert found.share == pytest.approx([0.139, 0.226, 0.143, 0.492], abs=5e-4)
    assert found.share.sum() == pytest.approx(1)
    assert found.log_strength[0] == 0


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=12, max_size=12), st.integers(0, 3))
def test_strengths_expect_as_many_wins_as_there_were(wins: list[int], reference: int) -> None:
    table = np.zeros((4, 4))
    table[~np.eye(4, dtype=bool)] = wins
    found = strengths(bradley_terry(table, reference))
    beats = special.expit(np.subtract.outer(found.log_strength, found.log_strength))
    np.testing.assert_allclose(((table + table.T) * beats).sum(1), table.sum(1), rtol=1e-9)
    assert found.log_strength[reference] == 0
    first = strengths(bradley_terry(table))
    np.testing.assert_allclose(found.log_strength, first.log_strength - first.log_strength[reference], atol=1e-9)
    np.testing.assert_allclose(found.share, first.share, rtol=1e-9)
    more = strengths(bradley_terry(4 * table, reference))
    np.testing.assert_allclose(more.log_strength, found.log_strength, atol=1e-9)
    np.testing.assert_allclose(more.standard_error, found.standard_error / 2, rtol=1e-6)


@pytest.mark.parametrize(("wins", "losses"), [(3, 1), (1, 40), (100_000, 1)])
def test_two_models_have_the_log_odds_of_their_wins(wins: int, losses: int) -> None:
    found = strengths(bradley_terry([[0, losses], [wins, 0]]))
    assert found.log_strength[1] == pytest.approx(math.log(wins / losses), abs=1e-9)
    assert found.standard_error[1] == pytest.approx(math.sqrt(1 / wins + 1 / losses), rel=1e-6)


@pytest.mark.parametrize(
    "wins",
    [
        [[0, 2, 3], [1, 0, 2], [0, 0, 0]],  # the last never won
        [[0, 2, 3], [0, 0, 2], [0, 1, 0]],  # the first never lost
        [[0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0]],  # two leagues that never met
        np.zeros((3, 3)),
    ],
)
def test_strengths_that_would_be_infinite_are_undefined_without_a_prior(wins: list[list[int]]) -> None:
    assert isinstance(bradley_terry(wins), Undefined)
    mended = strengths(bradley_terry(wins, prior=0.5))
    added = np.array(wins) + 0.5 * (1 - np.eye(len(wins)))
    known = strengths(bradley_terry(added))
    np.testing.assert_array_equal(mended.log_strength, known.log_strength)
    assert np.isfinite(mended.standard_error).all()


def test_a_models_choices_of_itself_do_not_count() -> None:
    changed: NDArray[np.int64] = np.array(FOUR_TEAMS) + 9 * np.eye(4, dtype=int)
    np.testing.assert_array_equal(strengths(bradley_terry(changed)).share, strengths(bradley_terry(FOUR_TEAMS)).share)


def test_unanimous_choices() -> None:
    assert p_value(exact_multinomial_test([3, 0, 0, 0])) == pytest.approx(1 / 16)
    found = numbers(cochran_q([[1, 0, 0]] * 5))
    assert (found.estimate, found.statistic) == pytest.approx((1, 10))


def test_nothing_to_choose_is_undefined() -> None:
    for found in (
        exact_multinomial_test([0, 0, 0]),
        exact_multinomial_test([5]),
        exact_multinomial_test([]),
        within_case_permutation_test([], 3),
        within_case_permutation_test([None, -1], 3),
        within_case_permutation_test([0, 0], 1),
        cochran_q([[1, 1], [0, 0]]),
        cochran_q(np.empty((0, 3))),
        cochran_q([[1], [0]]),
    ):
        assert isinstance(found, Undefined)
        assert found.p_value is found


def test_wrong_input_is_refused() -> None:
    for counts in ([1.5, 2], [-1, 2], [[1, 2]], [math.nan, 1]):
        with pytest.raises(ValueError):  # noqa: PT011 - numpy's message for NaN
            exact_multinomial_test(counts)
    for chances in ([0.5, 0.6], [0.5, 0.25, 0.25], [1.0, 0.0]):
        with pytest.raises(ValueError, match="sum to 1"):
            exact_multinomial_test([1, 2], chances)
    for chosen in ([0, 3], [0, -2]):
        with pytest.raises(ValueError, match="0 to 2"):
            within_case_permutation_test(chosen, 3)
    with pytest.raises(ValueError, match="do not fit"):
        within_case_permutation_test([0, 1], 3, [1])
    for table in ([0, 1], [[0, 2]]):
        with pytest.raises(ValueError, match="0 and 1"):
            cochran_q(table)
    for wins in ([[0, 1]], [[0, -1], [1, 0]], [1, 2]):
        with pytest.raises(ValueError, match="square table"):
            bradley_terry(wins)
