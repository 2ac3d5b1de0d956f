"""Resampling patients: intervals for any measure, with images of one patient drawn together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foveate.evaluation import metrics
from foveate.evaluation.delong import check_labels, check_scores
from foveate.evaluation.results import Estimate, Undefined, upper

Floats = NDArray[np.float64]
Statistic = Callable[[NDArray[np.bool_], Floats], "float | Undefined"]  # (n,) labels, (..., n) scores -> a number

_CELLS = 2**22  # drawn counts held at once: bounds the memory


def clustered_bootstrap(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: ArrayLike | None,
    statistic: Statistic,
    repetitions: int,
    generator: np.random.Generator,
    confidence: float = 0.95,
    null: float | None = None,
) -> Estimate | Undefined:
    """Percentile interval and standard error of `statistic(labels, scores)` over resampled patients.

    `labels` (n,) 0 or 1; `scores` (..., n), all of a patient's columns drawn together, so that differences are paired;
    `patients` (n,) any values, None where every case is its own. Patients are drawn with replacement within strata of
    those with diseased images only, healthy only, and both: no sample lacks a class. `auc` and `mean_auc_difference`
    are computed for all samples at once. With `null`, the p-value is twice the smaller share of samples on one side of
    it, which counts the data themselves as a sample. Undefined where the statistic is, in the data or in more than
    a tenth of the samples. Raises ValueError for wrong shapes, NaN or no repetitions.
    """
    truth = check_labels(labels)
    values = check_scores(scores, len(truth))
    if repetitions < 1:
        raise ValueError(f"repetitions must be at least 1, not {repetitions}")
    whole = statistic(truth, values)
    if isinstance(whole, Undefined):
        return whole
    names = np.arange(len(truth)) if patients is None else np.asarray(patients)
    if names.shape != truth.shape:
        raise ValueError(f"patients of shape {names.shape} do not fit {len(truth)} labels")
    by_counts = _BY_COUNTS.get(statistic)
    found: list[Floats] = []
    for counts in _drawn(truth, names, repetitions, generator):  # (b, n): how often each case was drawn
        if by_counts is not None:
            found.append(by_counts(truth, values, counts))
        else:
            found.append(np.array([_of_sample(statistic, truth, values, row) for row in counts]))
    samples = np.concatenate(found)
    samples = samples[~np.isnan(samples)]
    if len(samples) < 0.9 * repetitions:
        return Undefined("the statistic does not exist in most resampled data")
    tail = 1 - upper(confidence)
    low, high = (float(bound) for bound in np.quantile(samples, [tail, 1 - tail]))
    p = None if null is None else _two_sided(samples, null)
    error = float(samples.std(ddof=1)) if len(samples) > 1 else Undefined("one sample does not vary")
    kind = "cases" if patients is None else "patients"
    return Estimate(float(whole), error, (low, high), None, None, p, f"bootstrap over {kind}, {repetitions:,} samples")


def mean_auc_difference(labels: NDArray[np.bool_], scores: Floats) -> float | Undefined:
    """Scores (2, runs, n): mean AUC of the second model's runs less the first's."""
    aucs = [[metrics.auc(labels, run) for run in model] for model in scores]
    flat = [value for model in aucs for value in model]
    if any(isinstance(value, Undefined) for value in flat):
        return next(value for value in flat if isinstance(value, Undefined))
    means = np.array(aucs, dtype=np.float64).mean(1)
    return float(means[1] - means[0])


def _drawn(
    truth: NDArray[np.bool_], names: NDArray[np.generic], repetitions: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int32]]:
    """How often each case is drawn, sample by sample, some samples at a time: (b, n)."""
    patients, of = np.unique(names, return_inverse=True)
    diseased = np.bincount(of, truth, minlength=len(patients)) > 0
    healthy = np.bincount(of, ~truth, minlength=len(patients)) > 0
    strata = [np.flatnonzero(which) for which in (diseased & ~healthy, healthy & ~diseased, diseased & healthy)]
    step = max(1, _CELLS // len(truth))
    for start in range(0, repetitions, step):
        size = min(step, repetitions - start)
        times = np.zeros((size, len(patients)), dtype=np.int32)
        for members in strata:
            if len(members):
                drawn = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), size=size)
                times[:, members] = drawn
        yield times[:, of]


def _of_sample(statistic: Statistic, truth: NDArray[np.bool_], values: Floats, counts: NDArray[np.int32]) -> float:
    rows = np.repeat(np.arange(len(truth)), counts)
    value = statistic(truth[rows], values[..., rows])
    return float("nan") if isinstance(value, Undefined) else float(value)


def _aucs_by_counts(truth: NDArray[np.bool_], values: Floats, counts: NDArray[np.int32]) -> Floats:
    """AUC of one score (n,) for many weightings of the cases (b, n): the Mann-Whitney count with multiplicities."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, values[order][1:] != values[order][:-1]])  # of groups of equal scores
    weights, positive = counts[:, order].astype(np.float64), truth[order]
    diseased = np.add.reduceat(weights * positive, starts, axis=1)  # (b, groups)
    healthy = np.add.reduceat(weights * ~positive, starts, axis=1)
    below = np.cumsum(healthy, axis=1) - healthy / 2
    return np.asarray((diseased * below).sum(1) / (diseased.sum(1) * healthy.sum(1)))


def _differences_by_counts(truth: NDArray[np.bool_], values: Floats, counts: NDArray[np.int32]) -> Floats:
    first, second = (np.mean([_aucs_by_counts(truth, run, counts) for run in model], axis=0) for model in values)
    return np.asarray(second - first)


def _two_sided(samples: Floats, null: float) -> float:
    least = min(int((samples <= null).sum()), int((samples >= null).sum()))
    return min(1.0, 2 * (1 + least) / (1 + len(samples)))


# Statistics that can be had for all samples at once.
_BY_COUNTS: dict[Statistic, Callable[[NDArray[np.bool_], Floats, NDArray[np.int32]], Floats]] = {
    metrics.auc: _aucs_by_counts,
    mean_auc_difference: _differences_by_counts,
}
