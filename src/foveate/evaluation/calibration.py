"""Whether probabilities mean what they say: Brier score, log loss, the calibration curve and its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from foveate.evaluation.delong import check_labels, check_scores
from foveate.evaluation.results import Undefined

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationCurve:
    """Bins of equal numbers of cases: mean probability, share of diseased cases with Wilson's interval, size."""

    predicted: Floats  # (bins,)
    observed: Floats  # (bins,)
    low: Floats  # (bins,)
    high: Floats  # (bins,)
    cases: NDArray[np.int64]  # (bins,)
    weights: Floats  # (bins,) share of the population; of the cases where no prevalence was stated

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of the two, weighted by the bins' shares."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.weights))


def brier(labels: ArrayLike, probabilities: ArrayLike, prevalence: float | None = None) -> float | Undefined:
    """Mean squared distance of probability and truth (Brier 1950): 0 is perfect, 0.25 is a half for everyone."""
    truth, values = _checked(labels, probabilities)
    values, weights = _moved(truth, values, prevalence)
    if isinstance(weights, Undefined):
        return weights
    return float(np.average((values - truth) ** 2, weights=weights))


def log_loss(labels: ArrayLike, probabilities: ArrayLike, prevalence: float | None = None) -> float | Undefined:
    """Mean negative log probability of the truth, in nats; a certain error is cut off at 2^-52."""
    truth, values = _checked(labels, probabilities)
    values, weights = _moved(truth, values, prevalence)
    if isinstance(weights, Undefined):
        return weights
    right = np.clip(np.where(truth, values, 1 - values), np.finfo(np.float64).eps, 1)
    return float(np.average(-np.log(right), weights=weights))


def calibration_curve(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10, prevalence: float | None = None
) -> CalibrationCurve | Undefined:
    """The curve over bins of equal numbers of cases; equal probabilities stay in one bin.

    With `prevalence`, the probabilities are first moved to it, and so is each bin's share of diseased cases.
    """
    truth, values = _checked(labels, probabilities)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    moved, weights = _moved(truth, values, prevalence)
    if isinstance(weights, Undefined):
        return weights
    if len(truth) < bins:
        return Undefined(f"{len(truth)} cases do not fill {bins} bins")
    edges = np.unique(np.quantile(moved, np.arange(1, bins) / bins))
    _, of = np.unique(np.searchsorted(edges, moved, side="left"), return_inverse=True)  # bins without cases left out
    cases, diseased, share = np.bincount(of), np.bincount(of, truth), np.bincount(of, weights)
    between = [
        stats.binomtest(int(sick), int(of_bin)).proportion_ci(method="wilson")
        for sick, of_bin in zip(diseased, cases, strict=True)
    ]
    observed, low, high = (
        ends if prevalence is None else moved_probabilities(ends, float(truth.mean()), prevalence)
        for ends in (diseased / cases, np.array([i.low for i in between]), np.array([i.high for i in between]))
    )
    return CalibrationCurve(np.bincount(of, weights * moved) / share, observed, low, high, cases, share / share.sum())


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int = 10, prevalence: float | None = None
) -> float | Undefined:
    """Expected calibration error over the bins of `calibration_curve`; small samples make it too large."""
    curve = calibration_curve(labels, probabilities, bins, prevalence)
    return curve if isinstance(curve, Undefined) else curve.error


def moved_probabilities(probabilities: ArrayLike, learned: float, prevalence: float) -> Floats:
    """Probabilities learned where `learned` of the cases are diseased, for a population where `prevalence` are.

    Bayes: the odds are multiplied by the ratio of the two prior odds (Saerens, Latinne, Decaestecker 2002).
    """
    values = np.asarray(probabilities, dtype=np.float64)
    shift = special.logit(prevalence) - special.logit(learned)
    with np.errstate(divide="ignore"):
        return np.asarray(special.expit(special.logit(values) + shift))


def _checked(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    truth = check_labels(labels)
    values = check_scores(probabilities, len(truth))
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError("probabilities must lie between 0 and 1")
    return truth, values


def _moved(truth: NDArray[np.bool_], values: Floats, prevalence: float | None) -> tuple[Floats, Floats | Undefined]:
    """Probabilities and case weights as in a population of this prevalence; as they are where it is None."""
    if not len(truth):
        return values, Undefined("there is no case")
    if prevalence is None:
        return values, np.ones(len(truth))
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie between 0 and 1, not {prevalence}")
    here = float(truth.mean())
    if here in (0, 1):
        return values, Undefined("another prevalence needs cases of both classes")
    return moved_probabilities(values, here, prevalence), np.where(
        truth, prevalence / here, (1 - prevalence) / (1 - here)
    )
