"""What goes with the headline test: several comparisons at once, re-splits, the odds of one run against another,
ranks over data sets, and how small a p-value a few runs can reach at all."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from foveate.evaluation.results import Estimate, Undefined, upper

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """p-values (m,) adjusted for being m (Holm 1979): below 0.05 means so for the family as a whole.

    Raises ValueError for what is no probability.
    """
    given = np.asarray(p_values, dtype=object)
    if any(isinstance(p, Undefined) or p is None for p in given.flat):
        raise ValueError("p-values must be numbers: leave out what is undefined, it is no member of the family")
    values = given.astype(np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values must be (m,) between 0 and 1")
    order = np.argsort(values)
    raised = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))  # by how many are left at its step
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(raised, 1)
    return adjusted


def nadeau_bengio_test(
    differences: ArrayLike, training: int, validation: int, confidence: float = 0.95
) -> Estimate | Undefined:
    """Mean of differences (r,) over repeated random splits, by a corrected t (Nadeau and Bengio: Mach Learn 2003).

    Splits overlap, so their results are alike: the variance of the mean is s^2 (1/r + validation/training), the two
    being numbers of cases.
    """
    values = np.asarray(differences, dtype=np.float64)
    method = "Nadeau-Bengio corrected t, re-splits"
    if values.ndim != 1 or not len(values):
        raise ValueError("differences must be (r,)")
    if training < 1 or validation < 0:
        raise ValueError(f"{training} cases for training and {validation} for validation are no split")
    mean = float(values.mean())
    if len(values) < 2:
        reason = Undefined("one split cannot show how far splits lie apart")
        return Estimate(mean, reason, reason, reason, reason, reason, method)
    spread = float(values.var(ddof=1))
    if spread <= 1e-24:
        if abs(mean) <= 1e-14:
            return Estimate(0.0, 0.0, (0.0, 0.0), 0.0, float(len(values) - 1), 1.0, method)
        reason = Undefined("the differences do not vary")
        return Estimate(mean, 0.0, reason, reason, reason, reason, method)
    freedom = len(values) - 1
    error = math.sqrt(spread * (1 / len(values) + validation / training))
    reach = float(stats.t.ppf(upper(confidence), freedom)) * error
    t = mean / error
    p = float(2 * stats.t.sf(abs(t), freedom))
    return Estimate(mean, error, (mean - reach, mean + reach), t, float(freedom), p, method)


def probability_of_improvement(
    baseline: ArrayLike,
    model: ArrayLike,
    paired: bool,
    generator: np.random.Generator,
    repetitions: int = 2000,
    confidence: float = 0.95,
) -> Estimate:
    """P(A > B): the chance that a run of the model beats a run of the baseline, ties half (Bouthillier et al. 2021).

    AUCs (r,) of each; `paired` compares run j with run j only. The interval is a bootstrap over runs, and with a few
    runs of little worth. The authors call more than 0.75 meaningful.
    """
    low, high = np.asarray(baseline, dtype=np.float64), np.asarray(model, dtype=np.float64)
    if not low.size or not high.size or np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("AUCs of a run at least are needed, none of them NaN")
    if paired and low.shape != high.shape:
        raise ValueError(f"{len(low)} and {len(high)} runs make no pairs")

    def share(a: Floats, b: Floats) -> Floats:  # (..., r) each
        difference = a - b if paired else a[..., :, None] - b[..., None, :]
        wins = (difference > 0) + 0.5 * (difference == 0)
        return np.asarray(wins.mean(-1) if paired else wins.mean((-1, -2)))

    first = generator.integers(len(high), size=(repetitions, len(high)))
    second = first if paired else generator.integers(len(low), size=(repetitions, len(low)))
    tail = 1 - upper(confidence)
    least, most = np.quantile(share(high[first], low[second]), [tail, 1 - tail]).tolist()
    found = float(share(high, low))
    interval: tuple[float, float] | Undefined = (least, most)
    if least == most:  # every sample says the same
        interval = Undefined("so few runs, all on one side, give no interval")
    return Estimate(found, None, interval, method="P(A > B), bootstrap over runs")


def mean_ranks(scores: ArrayLike) -> Floats:
    """Each model's mean rank over data sets, 1 the best: scores (data sets, models), ties sharing their ranks."""
    return np.asarray(stats.rankdata(-np.asarray(scores, dtype=np.float64), axis=1).mean(0))


def friedman_test(scores: ArrayLike) -> Estimate | Undefined:
    """Whether models (three or more) rank alike over data sets, scores (data sets, models): Friedman's chi-square.

    The estimate is the greatest difference between two mean ranks.
    """
    values = np.asarray(scores, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("a score is NaN")
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 3:
        return Undefined("Friedman's test needs three models and two data sets")
    if (values == values[:, :1]).all():
        return Undefined("all models rank alike on every data set")
    found = stats.friedmanchisquare(*values.T)
    spread = float(np.ptp(mean_ranks(values)))
    return Estimate(spread, None, None, float(found.statistic), values.shape[1] - 1.0, float(found.pvalue), "Friedman")


def smallest_p(test: str, runs: int, models: int = 2) -> float:
    """The smallest two-sided p that an exact test can reach, however large the difference.

    `mann_whitney`: r runs against r; `wilcoxon`: r pairs; `friedman`: r data sets that all rank the models alike.
    """
    match test:
        case "mann_whitney":
            return min(1.0, 2 / math.comb(2 * runs, runs))
        case "wilcoxon":
            return min(1.0, 2.0 ** (1 - runs))
        case "friedman":
            return float(math.factorial(models) ** (1.0 - runs))
        case _:
            raise ValueError(f"there is no exact test {test!r} here: mann_whitney, wilcoxon, friedman")
