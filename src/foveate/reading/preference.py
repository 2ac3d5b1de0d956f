"""Which model readers choose: the paper's tables, wins with their tests, and whether the choices follow a score.

A case counts once for each reader, by its first showing. `NONE` is a judgement but no win; `CANNOT_JUDGE` is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import stats

from foveate.evaluation.choices import Strengths, bradley_terry, exact_multinomial_test, within_case_permutation_test
from foveate.evaluation.results import Estimate, Undefined
from foveate.evaluation.thresholds import wilson
from foveate.reading.answers import CANNOT_JUDGE, NONE, models_of
from foveate.reading.consensus import NO_CHOICE, Answers, Found, firsts
from foveate.reading.design_permutation import Schedule, design_permutation_test


@dataclass(frozen=True)
class TableRow:
    """A line of the paper's tables 2 and 4, with what each letter stood for: descriptions may speak of letters."""

    column: int  # the case's number, from 1
    case: str
    reader: str
    best_model: str  # or NONE or CANNOT_JUDGE
    description: str
    letters: tuple[str, ...]


@dataclass(frozen=True)
class Wins:
    model: str
    wins: int
    share: Found  # of all choices of a model, with Wilson's interval


@dataclass(frozen=True)
class Preference:
    """Which model is chosen, and whether unevenly."""

    wins: tuple[Wins, ...]  # models sorted by name
    none: int
    cannot_judge: int
    permutation: Found  # within cases, a case's readers together: the test to quote
    design: Found  # the letters drawn anew: whether readers go by the heat-maps of these cases at all
    exact: Found  # multinomial; takes choices as independent, which readers of one case do not make
    smallest_p: float | Undefined  # that the exact test can reach with so many choices: all of them alike
    strengths: Strengths | Undefined  # in the order of `wins`; each choice is a win over every other model
    strengths_with_prior: Strengths | Undefined  # with half a win added to both sides of every pair


@dataclass(frozen=True)
class BestChosen:
    """How often the chosen model is the one with the best score of that case."""

    share: Estimate  # Wilson's interval; p two-sided by permutation within cases
    chance: float  # the share that choices without regard to the scores have
    choices: int
    cases: int


def choice_table(answers: Answers, cases: Sequence[str] | None = None) -> tuple[TableRow, ...]:
    """Column, best model and description, by case and reader; columns in the order of `cases`, else by name."""
    order = [*(cases or ()), *sorted({row.case for row in answers})]
    number = {case: column for column, case in enumerate(dict.fromkeys(order), start=1)}
    rows = sorted(firsts(answers), key=lambda row: (number[row.case], row.reader))
    return tuple(
        TableRow(number[row.case], row.case, row.reader, row.choice, row.description, row.letters) for row in rows
    )


def preference(
    answers: Answers, generator: np.random.Generator, repetitions: int = 10_000, schedule: Schedule | None = None
) -> Preference:
    """Wins by model, and the tests of an even choice; `schedule` as in `design_permutation_test`."""
    models, judged = models_of(answers), firsts(answers)
    made = Counter(row.choice for row in judged)
    counts = [made[model] for model in models]
    total, none, cannot = sum(counts), made[NONE], made[CANNOT_JUDGE]
    wins = tuple(
        Wins(model, count, wilson(count, total) if total else NO_CHOICE)
        for model, count in zip(models, counts, strict=True)
    )
    if not total:
        return Preference(wins, none, cannot, *[NO_CHOICE] * 6)
    chosen = [models.index(row.choice) if row.choice in models else None for row in judged]
    cases = [row.case for row in judged]
    beaten = np.outer(counts, np.ones(len(models))) * (1 - np.eye(len(models)))
    return Preference(
        wins,
        none,
        cannot,
        within_case_permutation_test(chosen, len(models), cases, repetitions, generator),
        design_permutation_test(answers, generator, repetitions, schedule),
        exact_multinomial_test(counts),
        smallest_p(total, len(models)),
        bradley_terry(beaten),
        bradley_terry(beaten, prior=0.5),
    )


def smallest_p(choices: int, models: int) -> float:
    """Of the exact multinomial test: the chance that all choices fall on one model, whichever it is."""
    return float(models) ** (1 - choices)


def rank_agreement(answers: Answers, scores: Mapping[str, float]) -> Found:
    """Spearman's correlation of wins and scores over the models; p from all orders of up to eight models."""
    models = models_of(answers)
    if lacking := [model for model in models if not np.isfinite(scores.get(model, np.nan))]:
        return Undefined(f"there is no finite score of {', '.join(lacking)}")
    made = Counter(row.choice for row in firsts(answers))
    wins, values = np.array([made[model] for model in models]), np.array([scores[model] for model in models])
    if len(set(wins.tolist())) < 2 or len(set(values.tolist())) < 2:
        return Undefined("all models have the same wins or the same score: there is no order to compare")
    ours, theirs = stats.rankdata(wins), stats.rankdata(values)
    if len(models) > 8:
        found = stats.spearmanr(wins, values)
        return Estimate(float(found.statistic), p_value=float(found.pvalue), method="Spearman, p by Student's t")
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    size = float(np.sqrt((ours**2).sum() * (theirs**2).sum()))
    orders = np.array(list(permutations(ours.tolist()))) @ theirs / size
    rho = float(ours @ theirs) / size
    p = float((np.abs(orders) >= abs(rho) - 1e-9).mean())
    return Estimate(rho, p_value=p, method=f"Spearman, exact over {len(orders):,} orders of the models")


def best_chosen(
    answers: Answers,
    scores: Mapping[str, Mapping[str, float]],
    generator: np.random.Generator,
    repetitions: int = 10_000,
) -> BestChosen | Undefined:
    """Whether readers choose the model that scores best on the case, more or less often than by chance.

    `scores` by case and model, such as the share of the heat in the lesion. Cases without a finite score of every
    model are left out. Several models may share the best score: each of them counts. For p, the choices of a case are
    given to other models, for all its readers alike.
    """
    models, scored = models_of(answers), scored_by_case(answers, scores)
    chosen = [row for row in firsts(answers) if row.case in scored and row.choice in models]
    cases = sorted({row.case for row in chosen})
    if not cases:
        return Undefined("no model was chosen in a case with scores")
    wins = np.zeros((len(cases), len(models)))
    np.add.at(wins, ([cases.index(row.case) for row in chosen], [models.index(row.choice) for row in chosen]), 1)
    values = np.array([[scored[case][model] for model in models] for case in cases])
    best = values == values.max(1, keepdims=True)
    hits, expected = int(wins[best].sum()), float((wins.sum(1) * best.mean(1)).sum())
    beyond, step = 0, max(1, 2**21 // wins.size)
    for start in range(0, repetitions, step):
        block = np.broadcast_to(wins, (min(step, repetitions - start), *wins.shape))
        drawn = (generator.permuted(block, axis=2) * best).sum((1, 2))
        beyond += int((np.abs(drawn - expected) >= abs(hits - expected) - 1e-9).sum())
    p = (1 + beyond) / (1 + repetitions)
    method = f"Wilson; within-case permutation, {repetitions:,} permutations"
    share = Estimate(hits / len(chosen), None, wilson(hits, len(chosen)).interval, None, None, p, method)
    return BestChosen(share, expected / len(chosen), len(chosen), len(cases))


def scored_by_case(answers: Answers, scores: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """The scores of the cases that were shown and have a finite one of every model."""
    models = models_of(answers)
    return {
        case: scores[case]
        for case in sorted({row.case for row in answers})
        if case in scores and np.isfinite([scores[case].get(model, np.nan) for model in models]).all()
    }
