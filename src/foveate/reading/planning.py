"""How many readers and cases would show that a model is preferred: power of the within-case permutation test.

Simulated. Readers of a case often choose alike, so a further reader tells less than further cases do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.evaluation.results import Estimate
from foveate.evaluation.thresholds import wilson

Floats = NDArray[np.float64]

_BLOCK = 50  # simulated studies that share their permutations
_CELLS = 2**23  # of the table of permutations: bounds the memory


@dataclass(frozen=True)
class PowerTable:
    """The chance to show the preference, for each number of readers and cases."""

    readers: tuple[int, ...]
    cases: tuple[int, ...]
    power: tuple[tuple[Estimate, ...], ...]  # a row for each number of readers, a column for each number of cases

    def rows(self) -> list[tuple[int, int, float]]:
        """(readers, cases, power), in that order."""
        return [
            (readers, cases, found.estimate)
            for readers, line in zip(self.readers, self.power, strict=True)
            for cases, found in zip(self.cases, line, strict=True)
        ]


def share_to_plan_for(models: int) -> float:
    """The share of a model that is chosen three times as often as each of the others: 0.5 of four."""
    return 3 / (models + 2)


def power(
    readers: int,
    cases: int,
    generator: np.random.Generator,
    models: int = 4,
    win: float = 0.5,
    common: float = 0.3,
    alpha: float = 0.05,
    repetitions: int = 500,
    permutations: int = 1999,
) -> Estimate:
    """The share of simulated studies whose within-case permutation test has p of at most alpha, with Wilson's interval.

    One model is the one chosen with probability `win`, the others evenly. With probability `common` a reader's choice
    is the one that the case suggests to all its readers, otherwise a choice of the reader's own; both are drawn from
    the same chances, so `common` squared is the correlation of two readers' choices within a case. Every case is
    judged by every reader. Raises ValueError for numbers out of range, or too few permutations for p to reach alpha.
    """
    _check(readers, cases, models, win, common, alpha, repetitions, permutations)
    block = max(1, min(_BLOCK, repetitions))
    shown = 0
    for start in range(0, repetitions, block):
        studies = min(block, repetitions - start)
        wins = simulated_wins(studies, readers, cases, generator, models, win, common)
        shown += int((p_values(wins, permutations, generator) <= alpha + 1e-12).sum())
    return wilson(shown, repetitions)


def table(
    readers: Sequence[int],
    cases: Sequence[int],
    generator: np.random.Generator,
    models: int = 4,
    win: float = 0.5,
    common: float = 0.3,
    alpha: float = 0.05,
    repetitions: int = 500,
    permutations: int = 1999,
) -> PowerTable:
    """`power` for each of these numbers of readers with each of these numbers of cases."""
    options = (models, win, common, alpha, repetitions, permutations)
    found = tuple(tuple(power(several, of, generator, *options) for of in cases) for several in readers)
    return PowerTable(tuple(readers), tuple(cases), found)


def simulated_wins(
    studies: int, readers: int, cases: int, generator: np.random.Generator, models: int, win: float, common: float
) -> Floats:
    """How many readers chose each model in each case, (studies, cases, models); the preferred model is the first."""
    chances = np.full(models, (1 - win) / (models - 1))
    chances[0] = win
    steps = np.cumsum(chances)[:-1]  # a number between 0 and 1 -> a model, by the steps below it
    suggested = np.searchsorted(steps, generator.random((studies, cases, 1)), side="right")
    own = np.searchsorted(steps, generator.random((studies, cases, readers)), side="right")
    chosen = np.where(generator.random((studies, cases, readers)) < common, suggested, own)
    return np.stack([(chosen == model).sum(-1) for model in range(models)], axis=-1).astype(np.float64)


def p_values(wins: Floats, permutations: int, generator: np.random.Generator) -> Floats:
    """The p-value of `within_case_permutation_test` for each study of (studies, cases, models), all at once.

    The studies share their permutations, which are drawn without looking at them: so each p-value is as valid as with
    permutations of its own. Permuting and adding up over cases is then one product of matrices. Where there are no
    more than `permutations` ways, all are counted: with few cases p jumps, and a rough one would stray over alpha.
    """
    studies, cases, models = wins.shape
    flat = wins.reshape(studies, cases * models)
    even = wins.sum((1, 2)) / models
    every = math.factorial(models) ** (cases - 1)  # one case may stay: only the models' names change with it
    exact = every <= permutations
    blocks = _all_orders(cases, models) if exact else _drawn_orders(cases, models, permutations, generator)

    def statistic(totals: Floats) -> Floats:  # (studies, orders, models) -> (studies, orders), without a constant
        return np.asarray(((totals - even[:, None, None]) ** 2).sum(-1))

    observed = statistic(wins.sum(1)[:, None])
    beyond = np.zeros(studies)
    for orders in blocks:
        number = orders.shape[1]
        moves = (orders[:, None] == np.arange(models)[:, None, None]).astype(np.float64)  # (cases, from, number, to)
        totals = (flat @ moves.reshape(cases * models, number * models)).reshape(studies, number, models)
        beyond += (statistic(totals) >= observed - 1e-6).sum(1)
    return beyond / every if exact else (1 + beyond) / (1 + permutations)


def _all_orders(cases: int, models: int) -> Iterator[NDArray[np.int64]]:
    """All ways to order the models in all cases but the first: one block (cases, ways, models)."""
    one = list(itertools.permutations(range(models)))
    ways = itertools.product(one[:1], *[one] * (cases - 1))
    yield np.array(list(ways)).transpose(1, 0, 2)


def _drawn_orders(
    cases: int, models: int, permutations: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    step = max(1, _CELLS // (cases * models * models))
    for start in range(0, permutations, step):
        block = np.broadcast_to(np.arange(models), (cases, min(step, permutations - start), models))
        yield generator.permuted(block, axis=2)


def _check(
    readers: int, cases: int, models: int, win: float, common: float, alpha: float, repetitions: int, permutations: int
) -> None:
    if readers < 1 or cases < 1 or repetitions < 1:
        raise ValueError(f"readers, cases and repetitions must be at least 1: {readers}, {cases}, {repetitions}")
    if models < 2:
        raise ValueError(f"a preference needs two models at least, not {models}")
    if not 1 / models - 1e-12 <= win <= 1:
        raise ValueError(f"win must lie between an even share, {1 / models:.3g}, and 1, not {win}")
    if not 0 <= common <= 1 or not 0 < alpha < 1:
        raise ValueError(f"common must lie between 0 and 1, and alpha between them: {common}, {alpha}")
    if 1 / (1 + permutations) > alpha:
        raise ValueError(f"{permutations} permutations cannot reach p = {alpha}: use {math.ceil(1 / alpha)} or more")
