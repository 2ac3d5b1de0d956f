"""Do raters agree, more than by chance? Two raters, several, with gaps, and where one answer is far the commonest."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats import inter_rater

from foveate.evaluation.results import Estimate, Undefined, upper

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]

CERTAIN = Undefined("with this agreement the variance is estimated as 0, which is not certainty")
UNANIMOUS = Undefined("all ratings are the same: agreement beyond chance cannot be told from chance")


def cohen_kappa(
    first: ArrayLike, second: ArrayLike, weights: Literal["linear", "quadratic"] | None = None, confidence: float = 0.95
) -> Estimate | Undefined:
    """Agreement of two raters beyond chance (Cohen 1960), each (n,) of numbers or words.

    Standard error and interval by Fleiss, Cohen and Everitt 1969; z and p against no agreement by the error that
    holds then. `weights` for ordered categories, which are put in sorted order. Raises ValueError for two lengths.
    """
    one, other = np.asarray(first), np.asarray(second)
    if pd.isna(one).any() or pd.isna(other).any():
        raise ValueError("Cohen's kappa needs a rating of every case by both raters: see krippendorff_alpha")
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"the raters' ratings have shapes {one.shape} and {other.shape}: they must be equal, (n,)")
    names = np.unique(np.concatenate([one, other]))
    if len(one) == 0:
        return Undefined("there is no rating")
    if len(names) < 2:
        return UNANIMOUS
    table = np.zeros((len(names), len(names)))
    np.add.at(table, (np.searchsorted(names, one), np.searchsorted(names, other)), 1)
    return kappa_of_table(table, weights, confidence)


def kappa_of_table(
    table: ArrayLike, weights: Literal["linear", "quadratic"] | None = None, confidence: float = 0.95
) -> Estimate | Undefined:
    """Cohen's kappa of a square table of counts, first rater's categories down, second's across."""
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"the table must be square, not of shape {counts.shape}")
    if ((counts.sum(0) > 0) | (counts.sum(1) > 0)).sum() < 2:
        return UNANIMOUS
    with np.errstate(divide="ignore", invalid="ignore"):  # its own z, where there is no variance
        found = inter_rater.cohens_kappa(counts, wt=weights)
    kappa, error = float(found.kappa), math.sqrt(max(float(found.var_kappa), 0.0))
    reach = float(stats.norm.ppf(upper(confidence))) * error
    null = math.sqrt(max(float(found.var_kappa0), 0.0))
    z: float | Undefined = kappa / null if null > 1e-6 else Undefined("no variance where there is no agreement")
    p: float | Undefined = z if isinstance(z, Undefined) else float(2 * stats.norm.sf(abs(z)))
    name = "Cohen's kappa" if weights is None else f"Cohen's kappa, {weights} weights"
    interval: tuple[float, float] | Undefined = (kappa - reach, kappa + reach)
    if error < 1e-6:
        interval = CERTAIN
    return Estimate(kappa, error, interval, z, None, p, name)


def fleiss_kappa(
    ratings: ArrayLike,
    counts: bool = False,
    generator: np.random.Generator | None = None,
    repetitions: int = 2000,
    confidence: float = 0.95,
) -> Estimate | Undefined:
    """Agreement of several raters beyond chance, the same number for every case (Fleiss 1971).

    `ratings` (cases, raters) of numbers or words; with `counts`, (cases, categories): how many raters chose each.
    Standard error, z and p are those against no agreement (Fleiss, Nee, Landis 1979); the interval is a bootstrap over
    cases, where a generator is given. Raises ValueError where cases have different numbers of ratings.
    """
    table = _complete(ratings, counts)
    if isinstance(table, Undefined):
        return table
    if (table.sum(0) > 0).sum() < 2:
        return UNANIMOUS
    kappa = float(inter_rater.fleiss_kappa(table, method="fleiss"))
    error = _fleiss_error(table)
    z = kappa / error
    interval = _interval(table, _fleiss, generator, repetitions, confidence)
    return Estimate(kappa, error, interval, z, None, float(2 * stats.norm.sf(abs(z))), "Fleiss' kappa")


def fleiss_kappa_by_category(ratings: ArrayLike, counts: bool = False) -> tuple[float | Undefined, ...]:
    """Fleiss' kappa of each category against all others, in sorted order (or the columns', with `counts`)."""
    table = _complete(ratings, counts)
    if isinstance(table, Undefined):
        return (table,)
    n, m = len(table), table[0].sum()
    share = table.sum(0) / (n * m)
    apart = (table * (m - table)).sum(0)
    return tuple(
        float(1 - a / (n * m * (m - 1) * p * (1 - p))) if 0 < p < 1 else UNANIMOUS
        for a, p in zip(apart, share, strict=True)
    )


def randolph_kappa(ratings: ArrayLike, counts: bool = False) -> float | Undefined:
    """Agreement beyond an even choice among the categories (Randolph 2005); categories nobody chose do not count."""
    table = _complete(ratings, counts)
    if isinstance(table, Undefined):
        return table
    if table.shape[1] < 2:
        return UNANIMOUS
    return float(inter_rater.fleiss_kappa(table, method="randolph"))


def gwet_ac1(
    ratings: ArrayLike,
    counts: bool = False,
    categories: int | None = None,
    generator: np.random.Generator | None = None,
    repetitions: int = 2000,
    confidence: float = 0.95,
) -> Estimate | Undefined:
    """Agreement beyond chance that does not collapse where one category is far the commonest (Gwet 2008).

    `ratings` as for `fleiss_kappa`, but cases may lack ratings (NaN, None). `categories` is their number where some
    were never chosen: with it, unanimous raters have an AC1 of 1. Interval: bootstrap over cases, given a generator.
    """
    table = _counts(ratings, counts)
    number = categories or table.shape[1]
    if number < table.shape[1]:
        raise ValueError(f"the ratings have {table.shape[1]} categories, more than {number}")
    if number < 2:
        return UNANIMOUS

    def ac1(sample: Floats) -> float:
        agreed = _observed_agreement(sample)
        share = (sample / sample.sum(1, keepdims=True)).mean(0)
        chance = float((share * (1 - share)).sum() / (number - 1))
        return (agreed - chance) / (1 - chance)

    table = table[table.sum(1) > 0]
    if not (table.sum(1) > 1).any():
        return Undefined("no case has two ratings")
    return Estimate(ac1(table), None, _interval(table, ac1, generator, repetitions, confidence), method="Gwet's AC1")


def krippendorff_alpha(
    ratings: ArrayLike,
    level: Level = "nominal",
    generator: np.random.Generator | None = None,
    repetitions: int = 2000,
    confidence: float = 0.95,
) -> Estimate | Undefined:
    """Krippendorff's alpha, 1 - observed / expected disagreement: any number of raters, with gaps.

    `ratings` (raters, cases), NaN or None where there is none, numbers or, for `nominal`, words. The interval is a
    bootstrap over cases, given a generator. Raises ValueError for an unknown level, or words where numbers are needed.
    """
    if level not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(f"level must be nominal, ordinal, interval or ratio, not {level!r}")
    values, table = _tally(np.asarray(ratings, dtype=object).T)
    if level != "nominal":
        try:
            values = values.astype(np.float64)
        except ValueError as error:
            raise ValueError(f"{level} ratings must be numbers") from error
    table = table[table.sum(1) > 1]
    if not len(table):
        return Undefined("no case has two ratings")
    if (table.sum(0) > 0).sum() < 2:
        return UNANIMOUS

    def alpha(sample: Floats) -> float:
        pairs = (sample / (sample.sum(1, keepdims=True) - 1)).T @ sample
        pairs[np.diag_indices(len(values))] -= (sample / (sample.sum(1, keepdims=True) - 1)).sum(0)
        totals = pairs.sum(1)
        far = _distances(values, totals, level)
        expected = float((np.outer(totals, totals) * far).sum())
        return float(1 - (totals.sum() - 1) * (pairs * far).sum() / expected) if expected > 0 else float("nan")

    interval = _interval(table, alpha, generator, repetitions, confidence)
    return Estimate(alpha(table), None, interval, method=f"Krippendorff's alpha, {level}")


def _distances(values: NDArray[Any], totals: Floats, level: Level) -> Floats:
    """Squared distances between values, (k, k)."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "ordinal":
        ranks = np.cumsum(totals) - totals / 2
        return np.asarray(np.subtract.outer(ranks, ranks) ** 2)
    difference = np.subtract.outer(values, values) ** 2
    if level == "interval":
        return np.asarray(difference)
    total = np.add.outer(values, values)
    return np.asarray(np.divide(difference, total**2, out=np.zeros_like(difference), where=total != 0))


def _counts(ratings: ArrayLike, counts: bool) -> Floats:
    """(cases, categories): how many raters chose each."""
    if counts:
        table = np.asarray(ratings, dtype=np.float64)
        if table.ndim != 2 or (table < 0).any():
            raise ValueError("counts must be (cases, categories), none negative")
        return table
    return _tally(np.asarray(ratings, dtype=object))[1]


def _complete(ratings: ArrayLike, counts: bool) -> Floats | Undefined:
    """The same, where every case must have as many ratings as the others, two at least."""
    table = _counts(ratings, counts)
    raters = table.sum(1)
    if not len(table):
        return Undefined("there is no rating")
    if (raters != raters[0]).any():
        raise ValueError("this needs the same number of ratings for every case: see krippendorff_alpha")
    return table if raters[0] > 1 else Undefined("agreement needs two raters")


def _tally(ratings: NDArray[np.object_]) -> tuple[NDArray[Any], Floats]:
    """(cases, raters) with gaps -> the values that occur (k,), sorted, and how often in each case (cases, k)."""
    if ratings.ndim != 2:
        raise ValueError(f"ratings must have two dimensions, not {ratings.ndim}")
    try:
        names = np.array(sorted(set(ratings[~pd.isna(ratings)].tolist())), dtype=object)
    except TypeError as error:
        raise ValueError("ratings must be all numbers or all words") from error
    counts = [(ratings == name).sum(1) for name in names.tolist()]
    return names, np.array(counts, dtype=np.float64).reshape(len(names), len(ratings)).T


def _observed_agreement(table: Floats) -> float:
    """Mean share of agreeing pairs of raters, over the cases that have two ratings; NaN where none has."""
    m = table.sum(1)
    several = m > 1
    if not several.any():
        return float("nan")
    return float((((table**2).sum(1) - m)[several] / (m * (m - 1))[several]).mean())


def _fleiss(table: Floats) -> float:
    share = table.sum(0) / table.sum()
    chance = float((share**2).sum())
    return (_observed_agreement(table) - chance) / (1 - chance) if chance < 1 else float("nan")


def _fleiss_error(table: Floats) -> float:
    """Of kappa where raters do not agree beyond chance (Fleiss, Nee, Landis: Psychological Bulletin 1979)."""
    n, m = len(table), float(table[0].sum())
    p = table.sum(0) / (n * m)
    q = 1 - p
    pq = float((p * q).sum())
    return math.sqrt(2 / (n * m * (m - 1)) * (pq**2 - float((p * q * (q - p)).sum()))) / pq


def _interval(
    table: Floats,
    statistic: Callable[[Floats], float],
    generator: np.random.Generator | None,
    repetitions: int,
    confidence: float,
) -> tuple[float, float] | Undefined | None:
    """Percentiles over resampled cases, without those whose statistic is NaN; None without a generator."""
    if generator is None:
        return None
    drawn = (table[generator.integers(len(table), size=len(table))] for _ in range(repetitions))
    values = np.array([statistic(sample) for sample in drawn])
    values = values[~np.isnan(values)]
    if len(values) < 0.9 * repetitions:
        return Undefined("too many resampled sets of cases have no agreement beyond chance to speak of")
    tail = 1 - upper(confidence)
    low, high = np.quantile(values, [tail, 1 - tail]).tolist()
    return (low, high) if low < high else CERTAIN
