"""Power of a reader study: where it can be counted by hand, and what it must rise and fall with."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.evaluation.choices import within_case_permutation_test
from foveate.evaluation.results import Estimate
from foveate.reading.planning import p_values, power, share_to_plan_for, simulated_wins, table


def near(chance: float, repetitions: int) -> float:
    return 4 * math.sqrt(chance * (1 - chance) / repetitions) + 1e-9


@pytest.mark.parametrize("win", [0.5, 0.9, 1.0])
def test_four_cases_of_one_reader_need_all_choices_alike(win: float) -> None:
    # Of four choices among four models only (4, 0, 0, 0) has p < 0.05, 4 / 4^4 = 0.0156; the next, (3, 1, 0, 0), 0.20.
    expected = win**4 + 3 * ((1 - win) / 3) ** 4
    found = power(1, 4, np.random.default_rng(0), win=win, repetitions=1000)
    assert found.estimate == pytest.approx(expected, abs=near(expected, 1000))


def test_three_cases_of_one_reader_show_nothing() -> None:
    assert power(1, 3, np.random.default_rng(0), win=1.0, repetitions=200).estimate == 0  # p = 1/16 at best


def test_without_a_preference_the_level_is_kept() -> None:
    for common in (0.0, 0.8):
        found = power(3, 15, np.random.default_rng(1), win=0.25, common=common, repetitions=1000)
        assert found.estimate < 0.05 + near(0.05, 1000)


def test_readers_who_always_agree_are_one_reader() -> None:
    one = power(1, 20, np.random.default_rng(2), win=0.5, repetitions=800)
    five = power(5, 20, np.random.default_rng(3), win=0.5, common=1.0, repetitions=800)
    assert five.estimate == pytest.approx(one.estimate, abs=math.sqrt(2) * near(one.estimate, 800))


def test_power_rises_with_readers_cases_and_preference_and_falls_with_what_is_common() -> None:
    def of(readers: int = 2, cases: int = 15, win: float = 0.45, common: float = 0.4) -> float:
        return power(readers, cases, np.random.default_rng(4), win=win, common=common, repetitions=400).estimate

    assert of() + 0.1 < of(readers=5)
    assert of() + 0.1 < of(cases=40)
    assert of() + 0.1 < of(win=0.65)
    assert of(readers=5, common=0.9) + 0.1 < of(readers=5, common=0.0)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 10), st.integers(2, 5))
def test_the_p_value_is_that_of_the_test_of_the_choices(seed: int, readers: int, cases: int, models: int) -> None:
    generator = np.random.default_rng(seed)
    wins = simulated_wins(1, readers, cases, generator, models, 0.6, 0.3)
    of, model = np.nonzero(wins[0])
    times = wins[0, of, model].astype(int)
    theirs = within_case_permutation_test(np.repeat(model, times), models, np.repeat(of, times), 4000)
    assert isinstance(theirs.p_value, float)
    ours = float(p_values(wins, 4000, generator)[0])
    assert ours == pytest.approx(theirs.p_value, abs=math.sqrt(2) * near(theirs.p_value, 4000) + 1e-3)
    if cases == 1:
        assert ours == 1


def test_simulated_choices_have_the_chances_and_the_correlation_asked_for() -> None:
    wins = simulated_wins(400, 2, 100, np.random.default_rng(5), 4, 0.4, 0.6)
    assert (wins.sum(-1) == 2).all()
    assert (wins.mean((0, 1)) / 2).tolist() == pytest.approx([0.4, 0.2, 0.2, 0.2], abs=0.01)
    agree = float((wins == 2).any(-1).mean())
    chance = 0.4**2 + 3 * 0.2**2  # of two choices that have nothing to do with each other
    assert agree == pytest.approx(chance + 0.6**2 * (1 - chance), abs=0.012)


def test_a_table_of_sixteen_is_quick_and_in_order() -> None:
    start = time.process_time()
    found = table([1, 2, 3, 5], [6, 12, 30, 60], np.random.default_rng(6))
    assert time.process_time() - start < 30  # about two seconds on one core
    assert [(readers, cases) for readers, cases, _ in found.rows()][:5] == [(1, 6), (1, 12), (1, 30), (1, 60), (2, 6)]
    assert found.rows()[5][2] == found.power[1][1].estimate
    assert isinstance(found.power[0][0], Estimate)
    interval = found.power[0][0].interval
    assert isinstance(interval, tuple)
    assert interval[0] < found.power[0][0].estimate < interval[1]
    assert found.power[0][0].estimate < found.power[3][3].estimate


def test_a_study_is_planned_for_one_model_chosen_three_times_as_often_as_each_other() -> None:
    """3 : 1 : 1 : 1 of four is a half; of two 3 : 1 is three quarters; of two models a half would be no preference."""
    assert [share_to_plan_for(models) for models in (2, 3, 4, 6)] == [0.75, 0.6, 0.5, 0.375]


def test_the_generator_decides() -> None:
    first, second, other = (power(2, 8, np.random.default_rng(seed), repetitions=60) for seed in (1, 1, 2))
    assert first == second
    assert first != other


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"models": 1}, "two models"),
        ({"win": 0.1}, "even share"),
        ({"win": 1.1}, "even share"),
        ({"common": -0.1}, "common"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.0001}, "use 10000 or more"),
        ({"repetitions": 0}, "at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        power(2, 5, np.random.default_rng(0), **wrong)  # type: ignore[arg-type]
