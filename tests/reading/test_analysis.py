"""The analysis of answers: the paper's own tables, numbers worked out by hand, and blindness by construction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.evaluation.choices import Strengths
from foveate.evaluation.results import Estimate, Undefined
from foveate.reading.analysis import Analysis, analyse, letter_free
from foveate.reading.answers import CANNOT_JUDGE, NONE, Answer, checked
from foveate.reading.consensus import between_readers, letter_use, reading_times, within_readers
from foveate.reading.preference import (
    BestChosen,
    best_chosen,
    choice_table,
    preference,
    rank_agreement,
    smallest_p,
)

PAPER = ("resnet18", "resnet18+cbam", "resnet18+gc", "resnet18+se")
CBAM, GC, SE = PAPER[1:]
TABLE_2 = (CBAM, CBAM, SE, GC, CBAM, CBAM)
TABLE_4 = (CBAM, CBAM, CBAM, NONE, CBAM, CBAM)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def reader(
    choices: Sequence[str], models: Sequence[str], name: str = "r1", repeats: Sequence[str] = ()
) -> list[Answer]:
    """A reader's answers to cases c1, c2, ..., then the repeats of c1, c2, ...; letters turn case by case."""
    rows = []
    for number, choice in enumerate([*choices, *repeats]):
        again, turn = number >= len(choices), number % len(models)
        case = f"c{number - len(choices) * again + 1}"
        letters = (*models[turn:], *models[:turn])
        rows.append(Answer(name, case, number + 1, again, letters, choice, 10.0 * (number + 1), f"words on {case}"))
    return rows


def simulated(seed: int, readers: int, cases: int, win: float, models: Sequence[str] = PAPER) -> list[Answer]:
    """Readers who choose the last model with chance `win`, the others, none and no judgement evenly; some repeats."""
    random, options = generator(seed), [models[-1], *models[:-1], NONE, CANNOT_JUDGE]
    chances = [win] + [(0.95 - win) / (len(models) - 1)] * (len(models) - 1) + [0.03, 0.02]
    rows = []
    for number in range(readers):
        drawn = [options[place] for place in random.choice(len(options), cases + 2, p=chances)]
        own = reader(drawn[:cases], models, f"r{number}", drawn[cases:])
        rows += [replace(row, letters=tuple(random.permutation(models).tolist())) for row in own]
    return list(checked(rows))


def p_value(found: Estimate | Undefined) -> float:
    assert isinstance(found, Estimate)
    assert isinstance(found.p_value, float)
    return found.p_value


def test_the_papers_second_table() -> None:
    answers = reader(TABLE_2, PAPER)
    rows = choice_table(answers)
    assert [(row.column, row.best_model, row.description) for row in rows[:3]] == [
        (1, CBAM, "words on c1"),
        (2, CBAM, "words on c2"),
        (3, SE, "words on c3"),
    ]
    assert rows[1].letters == (*PAPER[1:], PAPER[0])
    found = preference(answers, generator())
    assert [(of.model, of.wins) for of in found.wins] == [("resnet18", 0), (CBAM, 4), (GC, 1), (SE, 1)]
    # Of the 4^6 outcomes, as likely or less: 4 of (6,0,0,0), 72 (5,1,0,0), 180 (4,2,0,0), 360 (4,1,1,0), 120 (3,3,0,0).
    assert p_value(found.exact) == pytest.approx(736 / 4096)
    assert p_value(found.permutation) == pytest.approx(736 / 4096, abs=0.016)
    assert isinstance(found.design, Estimate)
    assert found.design.statistic == pytest.approx((1.5**2 + 2.5**2 + 2 * 0.5**2) / 1.5)
    assert found.permutation.statistic == pytest.approx(6)
    assert isinstance(found.strengths, Undefined)  # the baseline never won
    assert isinstance(found.strengths_with_prior, Strengths)
    assert found.strengths_with_prior.share.argmax() == 1
    share = found.wins[1].share
    assert share.estimate == pytest.approx(2 / 3)
    assert share.interval == pytest.approx((0.29999, 0.90323), abs=1e-4)  # Wilson, 4 of 6


def test_the_papers_fourth_table() -> None:
    found = analyse(reader(TABLE_4, PAPER), generator())
    assert (found.preference.none, found.preference.cannot_judge) == (1, 0)
    assert found.preference.wins[1].share.estimate == 1.0  # of five: none is no win
    assert found.preference.smallest_p == pytest.approx(4**-4)
    assert p_value(found.preference.exact) == pytest.approx(4**-4)
    assert found.notes == ("One reader took part: the results hold for this reader only.",)
    assert isinstance(found.between.alpha, Undefined)
    assert isinstance(found.with_auc, Undefined)
    assert isinstance(found.best_chosen, Undefined)
    assert found.table[3].best_model == NONE


@pytest.mark.parametrize(("choices", "p"), [(1, 1.0), (3, 1 / 16), (4, 1 / 64), (9, 4.0**-8)])
def test_the_smallest_p_is_that_of_choices_all_alike(choices: int, p: float) -> None:
    assert smallest_p(choices, 4) == pytest.approx(p)
    assert p_value(preference(reader([SE] * choices, PAPER), generator(), 99).exact) == pytest.approx(p)


def test_three_choices_among_four_models_cannot_show_anything_and_it_is_said() -> None:
    found = analyse(reader([SE] * 3, PAPER) + reader([CANNOT_JUDGE], PAPER, "r2"), generator(), repetitions=99)
    assert found.notes[0] == "Two readers took part: the results hold for these readers only."
    assert "take all choices as independent" in found.notes[1]
    assert found.notes[2].startswith("With 3 choices among 4 models the exact test cannot reach p < 0.05")
    assert found.notes[2].endswith("its smallest p is 0.0625.")


def test_strengths_of_two_models_are_log_odds() -> None:
    found = preference(reader(["b", "b", "b", "a"], ("a", "b")), generator(), 99).strengths
    assert isinstance(found, Strengths)
    assert found.log_strength.tolist() == pytest.approx([0, math.log(3)])
    assert found.share.tolist() == pytest.approx([0.25, 0.75])


def test_columns_follow_the_given_order_and_readers_stand_together() -> None:
    answers = reader(["a", "b"], ("a", "b"), "r2") + reader(["b", "b"], ("a", "b"), "r1")
    rows = choice_table(answers, ["c2", "cx", "c1"])
    assert [(row.column, row.case, row.reader) for row in rows] == [
        (1, "c2", "r1"),
        (1, "c2", "r2"),
        (3, "c1", "r1"),
        (3, "c1", "r2"),
    ]
    assert [row.column for row in choice_table(answers, ["c2"])] == [1, 1, 2, 2]


def two_readers() -> list[Answer]:
    """Agreement in two of four cases; a fifth is judged by one reader only."""
    first = reader(["a", "a", "b", NONE, "a"], ("a", "b"), "r1")
    return first + reader(["a", "b", "b", "a", CANNOT_JUDGE], ("a", "b"), "r2")


def test_agreement_between_two_readers_by_hand() -> None:
    found = between_readers(two_readers(), generator())
    assert (found.readers, found.cases, found.raw) == (2, 4, 0.5)
    # Eight ratings: a 4, b 3, none 1. Alpha: 1 - 0.5 / (1 - (4*3 + 3*2) / (8*7)).
    assert found.alpha.estimate == pytest.approx(10 / 38)
    assert found.fleiss.estimate == pytest.approx((0.5 - 0.40625) / (1 - 0.40625))
    # AC1's chance: mean of p (1 - p) over a, b, none, times 3/2; the fifth case's one rating counts for the shares.
    shares = np.array([[2, 0, 0], [1, 1, 0], [0, 2, 0], [1, 0, 1], [2, 0, 0]]).mean(0) / 2
    chance = float((shares * (1 - shares)).sum()) / 2
    assert found.ac1.estimate == pytest.approx((0.5 - chance) / (1 - chance))
    assert isinstance(found.alpha.interval, tuple)
    assert between_readers(two_readers()).alpha.interval is None


def test_unanimous_readers_agree_wholly_and_kappa_is_undefined() -> None:
    found = between_readers(reader(["a"] * 3, ("a", "b")) + reader(["a"] * 3, ("a", "b"), "r2"), generator())
    assert found.raw == 1
    assert isinstance(found.alpha, Undefined)
    assert isinstance(found.fleiss, Undefined)
    assert found.ac1.estimate == 1


def test_fleiss_needs_a_case_that_all_judged() -> None:
    answers = reader(["a", CANNOT_JUDGE], ("a", "b")) + reader([CANNOT_JUDGE, "b"], ("a", "b"), "r2")
    found = between_readers([*answers, *reader(["a", "a"], ("a", "b"), "r3")])
    assert (found.cases, found.raw) == (2, 0.5)
    assert isinstance(found.fleiss, Undefined)
    assert "all readers" in found.fleiss.reason
    assert isinstance(found.alpha, Estimate)


def test_agreement_within_a_reader_by_hand() -> None:
    # Pairs a-a, b-b, a-b, b-none; the fifth was judged once only. Agreement 1/2; by chance 2/4*1/4 + 2/4*2/4 = 3/8.
    choices, repeats = ["a", "b", "a", "b", "a", "a"], ["a", "b", "b", NONE, CANNOT_JUDGE]
    found = within_readers(reader(choices, ("a", "b"), "r1", repeats) + reader(["a"], ("a", "b"), "r2"))
    assert (found[0].reader, found[0].pairs, found[0].raw.estimate) == ("r1", 4, 0.5)
    assert found[0].kappa.estimate == pytest.approx((0.5 - 0.375) / (1 - 0.375))
    assert found[1].pairs == 0
    assert isinstance(found[1].raw, Undefined)
    assert isinstance(found[1].kappa, Undefined)


def test_a_reader_who_always_takes_the_first_letter_is_found() -> None:
    fair = reader(["a", "b", "a", "b", NONE], ("a", "b"))  # letters turn: always A
    other = [replace(row, reader="r2", letters=row.letters[::-1]) for row in fair]
    everyone, first, second = letter_use(fair + other)
    assert (everyone.reader, everyone.counts, p_value(everyone.test)) == (None, (4, 4), 1)
    assert (first.reader, first.counts) == ("r1", (4, 0))
    assert p_value(first.test) == pytest.approx(2 / 16)
    assert second.counts == (0, 4)


def test_reading_times_are_quartiles_with_pauses_cut() -> None:
    answers = reader(["a"] * 5, ("a", "b"), repeats=["b"])
    seconds = [10.0, 300.0, 20.0, 3000.0, 301.0, 5.0]
    (found,) = reading_times([replace(row, seconds=time) for row, time in zip(answers, seconds, strict=True)])
    assert (found.cases, found.quartiles, found.pauses) == (5, (20, 300, 300), 2)


def test_rank_agreement_has_all_orders_as_its_chance() -> None:
    answers = reader(["a", "a", "a", "b", "b", "c"], ("a", "b", "c"))
    same = rank_agreement(answers, {"a": 0.9, "b": 0.8, "c": 0.7})
    assert same.estimate == pytest.approx(1)
    assert p_value(same) == pytest.approx(2 / 6)
    assert rank_agreement(answers, {"a": 0.7, "b": 0.8, "c": 0.9}).estimate == pytest.approx(-1)
    middle = rank_agreement(answers, {"a": 0.8, "b": 0.9, "c": 0.7})
    assert middle.estimate == pytest.approx(0.5)
    assert p_value(middle) == 1
    assert isinstance(rank_agreement(answers, {"a": 0.8, "b": 0.8, "c": 0.8}), Undefined)
    assert rank_agreement(answers, {"a": 1.0, "b": math.nan}) == Undefined("there is no finite score of b, c")


def test_with_many_models_rank_agreement_takes_students_t() -> None:
    models = tuple("abcdefghi")
    choices = [model for times, model in enumerate(models) for _ in range(times)]
    found = rank_agreement(reader(choices, models), {model: float(ord(model)) for model in models})
    assert found.estimate == pytest.approx(1)
    assert "Student" in found.method


def best(found: BestChosen | Undefined) -> BestChosen:
    assert isinstance(found, BestChosen)
    return found


def test_choices_of_the_best_scored_model_by_hand() -> None:
    scores = {f"c{n}": {"a": 0.6, "b": 0.4} for n in range(1, 5)} | {"c5": {"a": math.nan, "b": 1}, "c6": {"a": 1}}
    one = reader(["a", "a", "a", "b", "b", "b", "b"], ("a", "b"))
    found = best(best_chosen(one, scores, generator()))
    assert (found.choices, found.cases, found.chance, found.share.estimate) == (4, 4, 0.5, 0.75)
    assert p_value(found.share) == pytest.approx(10 / 16, abs=0.02)  # all of 0 to 4 hits but the 6 ways to 2
    both = best(best_chosen(one + [replace(row, reader="r2") for row in one], scores, generator()))
    assert (both.choices, both.cases) == (8, 4)
    assert p_value(both.share) == p_value(found.share)  # readers who agree are no further evidence
    tied = best(best_chosen(one, {"c1": {"a": 1, "b": 1}, "c2": {"a": 1, "b": 0}}, generator(), 99))
    assert (tied.chance, tied.share.estimate) == (0.75, 1)
    assert isinstance(best_chosen(one, {"c5": scores["c5"]}, generator()), Undefined)


def test_readers_who_follow_the_score_are_found_and_others_are_not() -> None:
    answers, random = simulated(1, 2, 30, 0.24), generator(2)
    cases = sorted({row.case for row in answers})
    scores = {case: dict(zip(PAPER, random.random(4).tolist(), strict=True)) for case in cases}
    assert p_value(best(best_chosen(answers, scores, generator(), 999)).share) > 0.05
    follow = [
        replace(row, choice=max(PAPER, key=lambda model, case=row.case: scores[case][model]))  # type: ignore[misc]
        if random.random() < 0.5
        else row
        for row in answers
    ]
    found = best(best_chosen(follow, scores, generator(), 999))
    assert p_value(found.share) < 0.01
    assert found.share.estimate > found.chance == pytest.approx(0.25)


def test_a_preference_is_found_and_its_scores_with_it() -> None:
    answers = simulated(3, 3, 20, 0.7)
    auc = dict(zip(PAPER, [0.9, 0.91, 0.92, 0.95], strict=True))
    energy = {f"c{n}": dict(zip(PAPER, [0.1, 0.2, 0.3, 0.5], strict=True)) for n in range(1, 21)}
    found = analyse(answers, generator(), auc, energy, repetitions=999)
    assert p_value(found.preference.permutation) <= 0.005
    assert max(found.preference.wins, key=lambda of: of.wins).model == SE
    assert found.with_auc.estimate == found.with_localisation.estimate > 0
    assert best(found.best_chosen).share.estimate > 0.6
    assert not any("hold for" in note for note in found.notes)
    assert found.notes[-1] == "6 showings were repeats: they count for agreement within a reader only."


def test_blind_readers_with_a_preference_seldom_fail_the_check_of_the_letters() -> None:
    p = np.array([p_value(letter_use(simulated(seed, 3, 20, 0.7))[0].test) for seed in range(80)])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) < level + 3 * math.sqrt(level * (1 - level) / len(p))


def test_no_preference_is_found_where_there_is_none() -> None:
    p = [p_value(preference(simulated(seed, 3, 12, 0.2375), generator(seed), 99).permutation) for seed in range(100)]
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)
    assert np.mean(np.array(p) <= 0.5) > 0.3


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10**6))
def test_repeats_count_within_readers_only(seed: int) -> None:
    answers = simulated(seed, 2, 5, 0.4)
    with_repeats = analyse(answers, generator(), repetitions=50)
    without = analyse([row for row in answers if not row.repeat], generator(), repetitions=50)
    for part in ("table", "between", "letters", "times"):
        assert getattr(with_repeats, part) == getattr(without, part)
    assert with_repeats.preference.wins == without.preference.wins
    assert with_repeats.preference.permutation == without.preference.permutation
    assert with_repeats.preference.design == without.preference.design
    assert sum(of.pairs for of in without.within) == 0


def renamed(answers: Sequence[Answer], seed: int) -> list[Answer]:
    """The same clicks on the same letters, where other models stood behind them: names permuted within each case."""
    random, models = generator(seed), sorted(answers[0].letters)
    new = {
        case: dict(zip(models, random.permutation(models).tolist(), strict=True))
        for case in sorted({row.case for row in answers})
    }
    return [
        replace(
            row,
            letters=tuple(new[row.case][model] for model in row.letters),
            choice=new[row.case].get(row.choice, row.choice),
        )
        for row in answers
    ]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.1, 0.9), st.integers(1, 4), st.integers(2, 8))
def test_what_is_seen_while_blind_does_not_depend_on_the_models(
    seed: int, other: int, win: float, readers: int, cases: int
) -> None:
    answers = simulated(seed, readers, cases, win)
    blind = letter_free(answers, {"r0": cases + 2, "late": 9})
    assert letter_free(renamed(answers, other), {"r0": cases + 2, "late": 9}) == blind
    assert not any(model in repr(blind) for model in PAPER)


def test_renaming_changes_what_is_not_blind() -> None:
    answers = simulated(4, 2, 12, 0.8)
    assert preference(renamed(answers, 1), generator(), 9).wins != preference(answers, generator(), 9).wins
    assert between_readers(renamed(answers, 1)).alpha != between_readers(answers).alpha  # why it is not shown blind


def test_progress_agreement_and_times_while_blind() -> None:
    answers = [*two_readers(), replace(two_readers()[0], showing=6, repeat=True)]
    blind = letter_free(answers, {"r1": 6, "r2": 7, "r3": 7})
    assert blind.raw == 0.5
    assert blind.beyond_even == pytest.approx((0.5 - 1 / 3) / (1 - 1 / 3))
    first, second, third = blind.progress
    assert (first.answered, first.planned, first.none, first.cannot_judge) == (6, 6, 1, 0)
    assert (first.pairs, first.alike) == (1, 1)
    assert first.time is not None
    assert first.time.quartiles[1] == 30
    assert (second.answered, second.cannot_judge, second.pairs) == (5, 1, 0)
    assert (third.reader, third.answered, third.planned, third.time) == ("r3", 0, 7, None)
    assert letter_free(answers).progress[0].planned is None


@pytest.mark.parametrize("answers", [[], reader([CANNOT_JUDGE, NONE], PAPER)])
def test_a_study_without_a_choice_is_undefined_and_not_an_error(answers: list[Answer]) -> None:
    found = analyse(answers, generator(), {"resnet18": 0.9}, {"c1": {"resnet18": 0.5}})
    assert isinstance(found, Analysis)
    chosen = found.preference
    for part in (
        chosen.permutation,
        chosen.design,
        chosen.exact,
        chosen.smallest_p,
        chosen.strengths,
        chosen.strengths_with_prior,
    ):
        assert isinstance(part, Undefined)
    assert isinstance(found.best_chosen, Undefined)
    for part in (found.with_auc, found.with_localisation, found.letters[0].test, found.between.raw):
        assert isinstance(part, Undefined)
    assert sum(of.wins for of in chosen.wins) == 0
    assert len(found.notes) == 1
    assert isinstance(letter_free(answers).raw, Undefined)
