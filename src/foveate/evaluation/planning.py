"""How many runs and cases would show a difference: the comparison's variance, taken apart and put together anew.

Obuchowski and Rockette's error term has three sources, which shrink differently. What a training run adds by itself
shrinks with runs; what a run makes of its cases, with runs and cases; what all runs of a model share, with cases only.
With the three known from a first study, the power of a planned one is that of a noncentral t (Hillis, Obuchowski,
Berbaum: Academic Radiology 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from foveate.evaluation.multireader import Comparison, Design, comparison
from foveate.evaluation.results import Undefined
from foveate.evaluation.scores import RunScores, same_cases, stacked

MOST, MOST_RUNS = 100_000_000, 1000  # cases and runs of a model that a plan looks at
_CASES: list[int] = np.unique(np.geomspace(2, MOST, 100).astype(int)).tolist()
_RUNS: list[int] = np.unique(np.geomspace(2, MOST_RUNS, 40).astype(int)).tolist()


@dataclass(frozen=True)
class Power:
    """Where a difference of mean AUCs gets its variance from, in a study of this many cases, models and this design."""

    run: float  # a run by itself; 0 where runs lie no further apart than their cases make them
    run_and_case: float  # a run and these cases, of one run
    case: float  # these cases, alike for all runs of a model
    cases: int
    models: int
    design: Design

    def error(self, runs: int, cases: int) -> tuple[float, float]:
        """Standard error of a difference of two means over so many runs and cases, and its degrees of freedom."""
        if runs < 2 or cases < 2:
            raise ValueError("a comparison needs two runs of each model and two cases at least")
        share = self.cases / cases
        between = self.run + share * self.run_and_case
        total = between + runs * share * self.case
        factor = self.models - 1 if self.design == "factorial" else self.models
        freedom = factor * (runs - 1) * (total / between) ** 2 if between > 0 else math.inf
        return math.sqrt(2 * total / runs), freedom

    def power(self, difference: float, runs: int, cases: int, alpha: float = 0.05) -> float:
        """The chance that so many runs of each model and so many cases show a true difference at level alpha.

        `difference` of mean AUCs is a fraction of 1; alpha is of a single two-sided test: divide it by the number of
        comparisons for Holm's first step.
        """
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
        error, freedom = self.error(runs, cases)
        if error == 0:
            return 1.0 if difference else 0.0
        shift = abs(difference) / error
        if freedom > 1e6:  # t is normal, and the noncentral t's series no longer converges
            bound = float(stats.norm.ppf(1 - alpha / 2))
            return float(stats.norm.sf(bound - shift) + stats.norm.cdf(-bound - shift))
        bound = float(stats.t.ppf(1 - alpha / 2, freedom))
        # A t beyond the other bound needs a normal below -shift; from 6 on that is nothing, and scipy's series fails.
        wrong_way = stats.nct.cdf(-bound, freedom, shift) if shift < 6 else 0.0
        return float(stats.nct.sf(bound, freedom, shift) + wrong_way)

    def cases_needed(self, difference: float, runs: int, power: float = 0.8, alpha: float = 0.05) -> int | None:
        """The fewest cases, of the same mix of classes, that reach the power; None where no number up to MOST does.

        More cases are not always better: they leave the runs alone with the error term, and few runs have few
        degrees of freedom. So sizes a fifth apart are tried from below, then the gap before the first that suffices.
        """
        return _fewest(_CASES, lambda cases: self.power(difference, runs, cases, alpha) >= power)

    def runs_needed(self, difference: float, cases: int, power: float = 0.8, alpha: float = 0.05) -> int | None:
        """The fewest runs of each model that reach the power with so many cases; None where MOST_RUNS do not.

        More runs are always better: they leave the smaller error term and the more degrees of freedom.
        """
        return _fewest(_RUNS, lambda runs: self.power(difference, runs, cases, alpha) >= power)

    def least_of_both(self, difference: float, power: float = 0.8, alpha: float = 0.05) -> tuple[int, int] | None:
        """Runs of each model and cases that reach the power with the fewest scores, runs times cases, to be made.

        Numbers of runs a sixth apart are tried, so others may do with a few scores less. None where nothing reaches it.
        """
        found: tuple[int, int] | None = None
        for runs in _RUNS:
            if found is not None and 2 * runs > found[0] * found[1]:
                break
            if found is not None and self.power(difference, runs, found[0] * found[1] // runs, alpha) < power:
                continue
            cases = self.cases_needed(difference, runs, power, alpha)
            if cases is not None and (found is None or runs * cases < found[0] * found[1]):
                found = runs, cases
        return found


def _fewest(tried: Sequence[int], suffices: Callable[[int], bool]) -> int | None:
    """The first of the numbers that suffices, or the fewest between it and the one before; None where none does."""
    first = next((place for place, number in enumerate(tried) if suffices(number)), None)
    if first is None:
        return None
    low, high = tried[max(first - 1, 0)], tried[first]
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle + 1, high)
    return high


def power(
    labels: ArrayLike, scores: ArrayLike, design: Design = "nested", patients: ArrayLike | None = None
) -> Power | Undefined:
    """The variance of a study's comparison by source, with arguments as for `compare_runs`."""
    found = comparison(labels, scores, design, patients)
    return found if isinstance(found, Undefined) else power_of(found, np.asarray(labels).size)


def power_of(found: Comparison, cases: int) -> Power | Undefined:
    """The same from a comparison's AUCs and covariances over so many cases."""
    between = found.between_runs
    if isinstance(between, Undefined):
        return between
    if isinstance(found.denominator(), Undefined):
        return Undefined("neither runs nor cases vary here, so nothing tells how they would elsewhere")
    c = found.covariances
    residual = c.variance - c.cov2 - (c.cov1 - c.cov3 if found.design == "factorial" else 0.0)
    residual = max(residual, 0.0)
    return Power(
        max(between - residual, 0.0),
        residual,
        max(c.cov2 - c.cov3, 0.0),
        cases,
        found.aucs.shape[0],
        found.design,
    )


def power_of_runs(found: Sequence[RunScores], models: Sequence[str], design: Design) -> Power | Undefined:
    """The same from runs, over the repeats that all models have; `models` in order, the baseline first."""
    by_model = [{run.repeat for run in found if run.model == model} for model in models]
    shared = sorted(set.intersection(*by_model)) if by_model else []
    used = [run for run in found if run.repeat in shared]
    if len(models) < 2 or not shared:
        return Undefined("a comparison needs two models with runs of the same repeats")
    if not same_cases(used):
        return Undefined("the repeats have splits, and so cases, of their own")
    return power(used[0].labels, stacked(used, models, shared), design, used[0].patients)
