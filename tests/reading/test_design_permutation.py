"""The drawing of the letters done again: against all drawings of a tiny study, its size, its power, and its null."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from foveate.evaluation.choices import within_case_permutation_test
from foveate.evaluation.results import Undefined
from foveate.reading import blinding
from foveate.reading.answers import CANNOT_JUDGE, NONE, Answer
from foveate.reading.consensus import Found
from foveate.reading.design_permutation import design_permutation_test

# What a reader clicks: from the number of the showing, the case and the models at A, B, C, ..., a letter from 0.
Habit = Callable[[np.random.Generator, int, int, Sequence[int]], int]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def p_value(found: Found) -> float:
    assert isinstance(found.p_value, float)
    return found.p_value


def study(seed: int, readers: int, cases: int, models: int, habit: Habit, repeat_share: float = 0.1) -> list[Answer]:
    """Readers who see what `blinding.schedule` draws and click by habit."""
    random, rows = generator(seed), []
    for reader in range(readers):
        for number, shown in enumerate(blinding.schedule(cases, models, random, random, repeat_share), start=1):
            letters = tuple(f"m{model}" for model in shown.order)
            letter = habit(random, number, shown.case, shown.order)
            names = (f"r{reader}", f"c{shown.case}", number, shown.repeat)
            rows.append(Answer(*names, letters, letters[letter], 1.0))
    return rows


def any_letter(random: np.random.Generator, number: int, case: int, order: Sequence[int]) -> int:
    return int(random.integers(len(order)))


def mostly_the_first(random: np.random.Generator, number: int, case: int, order: Sequence[int]) -> int:
    return 0 if random.random() < 0.8 else int(random.integers(len(order)))


def in_turn(random: np.random.Generator, number: int, case: int, order: Sequence[int]) -> int:
    return number % len(order)


def often_the_second_model(random: np.random.Generator, number: int, case: int, order: Sequence[int]) -> int:
    return list(order).index(1) if random.random() < 0.5 else int(random.integers(len(order)))


def within_cases(answers: Sequence[Answer], repetitions: int) -> float:
    models = sorted(answers[0].letters)
    first = [row for row in answers if not row.repeat]
    chosen, cases = [models.index(row.choice) for row in first], [row.case for row in first]
    return p_value(within_case_permutation_test(chosen, len(models), cases, repetitions, generator(1)))


def clicked(letters: Sequence[str], choices: Sequence[str | int], reader: str = "r") -> list[Answer]:
    """One reader's showings: the models at A, B, ... as text ("ab"), and the letter clicked from 0, or no model."""
    return [
        Answer(reader, f"c{n}", n, False, tuple(shown), shown[choice] if isinstance(choice, int) else choice, 1.0)
        for n, (shown, choice) in enumerate(zip(letters, choices, strict=True), start=1)
    ]


def test_two_squares_of_two_models_by_hand() -> None:
    # Always A: each square has both models at A, so wins are 2 and 2 whatever is drawn.
    assert p_value(design_permutation_test(clicked(["ab", "ba", "ba", "ab"], [0, 0, 0, 0]), generator(), 99)) == 1
    # A then B: both clicks of a square fall on the same model, either one. Wins 4:0, 2:2, 2:2, 0:4.
    found = design_permutation_test(clicked(["ab", "ba", "ab", "ba"], [0, 1, 0, 1]), generator(), 9999)
    assert found.estimate == 1
    assert found.statistic == pytest.approx(4)  # (4 - 2)²/2 + (0 - 2)²/2
    assert p_value(found) == pytest.approx(1 / 2, abs=0.02)
    # A cut square: its only click is fair, so 3:0 and 0:3 in two of the four drawings, else 2:1 and 1:2.
    cut = design_permutation_test(clicked(["ab", "ba", "ab"], [0, 1, 0]), generator(), 9999)
    assert p_value(cut) == pytest.approx(1 / 2, abs=0.02)


def test_four_times_one_of_four_models_in_a_square_has_a_chance_of_one_in_six() -> None:
    """Rows r, columns c: r + c is the same for all four clicks in 4 of the 24 orders of c."""
    rows = clicked(["abcd", "badc", "cdab", "dcba"], [0, 1, 2, 3])
    assert {row.choice for row in rows} == {"a"}
    assert p_value(design_permutation_test(rows, generator(), 20_000)) == pytest.approx(1 / 6, abs=0.01)


def test_three_models_against_every_drawing_there_is() -> None:
    """The p-value by going through all squares that rows, columns and symbols can give, for two readers."""
    choices: list[str | int] = [0, 1, 1, 2]
    rows = clicked(["abc", "bca", "cab", "acb"], choices, "r1")
    rows += clicked(["bac", "acb", "cba", "bca"], [2, NONE, 0, CANNOT_JUDGE], "r2")
    orders = list(itertools.permutations(range(3)))
    squares = [
        [[symbols[(rows_[row] + columns[letter]) % 3] for letter in range(3)] for row in range(3)]
        for rows_, columns, symbols in itertools.product(orders, repeat=3)
    ]
    parts = []  # by square of a reader: the ways that its clicks can fall, with how often
    for clicks in ([(0, 0), (1, 1), (2, 1)], [(0, 2)], [(0, 2), (2, 0)]):
        falls = [tuple(sorted(Counter(square[row][letter] for row, letter in clicks).items())) for square in squares]
        parts.append(Counter(falls))
    observed, beyond, total = Counter(row.choice for row in rows if row.letter is not None), 0, 0
    even = sum(observed.values()) / 3
    seen = sum((observed[model] - even) ** 2 for model in "abc")
    for ways in itertools.product(*(part.items() for part in parts)):
        number, wins = math.prod(count for _, count in ways), Counter[int]()
        for fall, _ in ways:
            wins.update(dict(fall))
        total += number
        beyond += number * (sum((wins[model] - even) ** 2 for model in range(3)) >= seen - 1e-9)
    found = design_permutation_test(rows, generator(), 20_000)
    assert 0.1 < beyond / total < 0.9
    assert p_value(found) == pytest.approx(beyond / total, abs=0.015)


def test_the_drawings_are_those_of_the_study() -> None:
    rows = study(5, 2, 6, 4, often_the_second_model)
    models, random, beyond = sorted(rows[0].letters), generator(9), 0
    first = [row for row in rows if not row.repeat]

    def unevenness(wins: Counter[str]) -> float:
        return sum((wins[model] - len(first) / 4) ** 2 for model in models)

    seen = unevenness(Counter(row.choice for row in first))
    for _ in range(4000):
        drawn = [blinding.letters(6, 4, random) for _ in range(2)]
        wins = Counter(
            models[drawn[n // 6][n % 6, row.letter]] for n, row in enumerate(first) if row.letter is not None
        )
        beyond += unevenness(wins) >= seen - 1e-9
    assert p_value(design_permutation_test(rows, generator(), 20_000)) == pytest.approx(beyond / 4000, abs=0.03)


@pytest.mark.parametrize("habit", [any_letter, mostly_the_first, in_turn])
def test_it_is_wrong_as_often_as_it_says_whatever_the_habit(habit: Habit) -> None:
    p = np.array(
        [p_value(design_permutation_test(study(s, 3, 10, 4, habit), generator(s + 10**6), 199)) for s in range(400)]
    )
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(p <= level) - level) < 3 * math.sqrt(level * (1 - level) / len(p)) + 0.02  # p is in steps


def test_a_preference_is_found() -> None:
    p = [
        p_value(design_permutation_test(study(s, 3, 12, 4, often_the_second_model), generator(), 199))
        for s in range(50)
    ]
    assert np.mean(np.array(p) <= 0.05) > 0.9


def test_readers_who_agree_about_cases_break_its_null_and_not_that_within_cases() -> None:
    """Five readers always take the same heat-map; which model's it is differs from case to case, evenly."""
    ours, within = [], []
    for seed in range(200):
        best = generator(seed).integers(4, size=12)

        def the_best(
            random: np.random.Generator, number: int, case: int, order: Sequence[int], best: object = best
        ) -> int:
            return list(order).index(int(best[case]))

        rows = study(seed, 5, 12, 4, the_best)
        ours.append(p_value(design_permutation_test(rows, generator(seed), 99)))
        within.append(within_cases(rows, 99))
    assert np.mean(np.array(within) <= 0.05) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(ours) <= 0.05) > 0.4  # they look, and that is what this test finds


def test_a_reader_who_takes_letters_in_turn_breaks_the_null_within_cases() -> None:
    p = np.array([within_cases(study(s, 3, 12, 2, in_turn, 0), 199) for s in range(200)])
    assert np.mean(p <= 0.05) > 0.08


def test_repeats_count_for_nothing() -> None:
    rows = study(3, 2, 20, 4, often_the_second_model)
    assert any(row.repeat for row in rows)
    assert design_permutation_test(rows, generator(), 500) == design_permutation_test(
        [row for row in rows if not row.repeat], generator(), 500
    )


def test_a_schedule_mends_a_gap() -> None:
    rows = study(3, 1, 12, 4, often_the_second_model, 0)
    schedule = {"r0": [row.showing for row in rows]}
    gap = [row for row in rows if row.showing != 2]
    found = design_permutation_test(gap, generator(), 99)
    assert isinstance(found, Undefined)
    assert found.reason.startswith("the letters of r0 are no Latin squares in the order of showing")
    assert p_value(design_permutation_test(gap, generator(), 99, schedule)) <= 1
    assert design_permutation_test(rows, generator(), 99, schedule) == design_permutation_test(rows, generator(), 99)


def test_letters_that_were_drawn_otherwise_are_refused() -> None:
    assert isinstance(design_permutation_test(clicked(["ab", "ab"], [0, 0]), generator(), 99), Undefined)


def test_without_a_choice_it_is_undefined() -> None:
    assert design_permutation_test([], generator()) == Undefined("no model was chosen")
    assert isinstance(design_permutation_test(clicked(["ab", "ba"], [NONE, CANNOT_JUDGE]), generator()), Undefined)


def test_the_same_generator_gives_the_same_p_in_any_order_of_the_rows() -> None:
    rows = study(7, 3, 9, 4, any_letter)
    found = design_permutation_test(rows, generator(4), 300)
    assert design_permutation_test(rows[::-1], generator(4), 300) == found
