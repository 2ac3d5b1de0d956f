"""DeLong's covariance of AUCs, for independent cases and for several images a patient.

An AUC is a mean over pairs of a diseased and a healthy case, so it splits into one component a case: the share of the
other class that the case is on the right side of (ties half). The covariance of these components over cases is the
covariance of the AUCs (DeLong, DeLong, Clarke-Pearson: Biometrics 1988). Sorting gives all components in O(n log n)
time and O(n) memory (Sun and Xu: IEEE Signal Processing Letters 2014). Where patients contribute several
images, components are summed within patients first (Obuchowski: Biometrics 1997), which is the same thing where
every patient has one image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from foveate.evaluation.results import Estimate, Undefined, upper

Floats = NDArray[np.float64]

CERTAIN = Undefined("these cases show no variance, which is not certainty")
ONE_CLASS = Undefined("the AUC needs cases of both classes")


@dataclass(frozen=True)
class Components:
    """AUCs of several scores over the same cases, and their covariance matrix."""

    aucs: Floats  # (k,)
    covariance: Floats | Undefined  # (k, k); undefined where a class has a single case or patient


def check_labels(labels: ArrayLike) -> NDArray[np.bool_]:
    """(n,) of 0 and 1 -> (n,) bool. Raises ValueError for other values or dimensions."""
    truth = np.asarray(labels)
    if truth.ndim != 1:
        raise ValueError(f"labels must have one dimension, not {truth.ndim}")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    return truth.astype(bool)


def check_scores(scores: ArrayLike, cases: int) -> Floats:
    """(..., n) float64. Raises ValueError where the last axis is not as long as the labels, or a score is NaN."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] != cases:
        raise ValueError(f"scores of shape {values.shape} do not fit {cases} labels")
    if np.isnan(values).any():
        raise ValueError("a score is NaN")
    return values


def check_patients(patients: ArrayLike, cases: int) -> NDArray[np.generic]:
    """(n,) of any values. Raises ValueError for another shape."""
    names = np.asarray(patients)
    if names.shape != (cases,):
        raise ValueError(f"patients of shape {names.shape} do not fit {cases} labels")
    return names


def components(labels: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None) -> Components | Undefined:
    """AUCs and their covariance; labels (n,) 0 or 1, scores (k, n), patients (n,) any values or None."""
    positive = check_labels(labels)
    values = check_scores(scores, len(positive))
    if values.ndim != 2 or not len(values):
        raise ValueError(f"scores must be (scores, cases), not of shape {values.shape}")
    of = None if patients is None else check_patients(patients, len(positive))
    diseased, healthy = int(positive.sum()), int((~positive).sum())
    if not diseased or not healthy:
        return ONE_CLASS
    of_diseased = np.empty((len(values), diseased))  # share of the healthy that score lower
    of_healthy = np.empty((len(values), healthy))  # share of the diseased that score higher
    for row, score in enumerate(values):
        lower = _lower(positive, score)
        of_diseased[row] = lower[1][positive] / healthy
        of_healthy[row] = 1 - lower[0][~positive] / diseased
    aucs = of_diseased.mean(1)
    if of is None:
        if diseased < 2 or healthy < 2:
            return Components(aucs, Undefined("a class with a single case has no variance"))
        spread = np.atleast_2d(np.cov(of_diseased)) / diseased + np.atleast_2d(np.cov(of_healthy)) / healthy
        return Components(aucs, spread)
    return Components(aucs, _clustered(positive, of_diseased, of_healthy, aucs, of))


def _lower(positive: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """For each case, how many diseased and how many healthy ones score lower, ties half: (n,), (n,).

    One sort, then counts by groups of equal scores: a third of the time of the three midranks that say the same.
    """
    order = np.argsort(score)
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])  # of groups of equal scores
    sizes = np.diff(np.r_[starts, len(score)])
    diseased = np.add.reduceat(positive[order].astype(np.int64), starts)
    healthy = sizes - diseased
    group = np.empty(len(score), dtype=np.intp)
    group[order] = np.repeat(np.arange(len(starts)), sizes)
    return (np.cumsum(diseased) - diseased / 2)[group], (np.cumsum(healthy) - healthy / 2)[group]


def _clustered(
    positive: NDArray[np.bool_], of_diseased: Floats, of_healthy: Floats, aucs: Floats, patients: NDArray[np.generic]
) -> Floats | Undefined:
    """Obuchowski 1997: sums within patients, with the covariance of a patient's two kinds of image."""
    names, of = np.unique(patients, return_inverse=True)
    sums = []
    for here, values in ((positive, of_diseased), (~positive, of_healthy)):
        own = of[here]
        known = np.unique(own)
        if len(known) < 2:
            return Undefined("a class with a single patient has no variance")
        total = np.array(
            [np.bincount(own, row, minlength=len(names)) for row in values - aucs[:, None]]
        )  # (k, patients)
        sums.append((total, len(known), int(here.sum())))
    (first, ill, m), (second, well, n) = sums
    every = len(names)
    s10 = first @ first.T * (ill / (ill - 1)) / m**2
    s01 = second @ second.T * (well / (well - 1)) / n**2
    s11 = first @ second.T * (every / (every - 1)) / (m * n)
    return np.asarray(s10 + s01 + s11 + s11.T)


def auc_interval(
    labels: ArrayLike,
    scores: ArrayLike,
    confidence: float = 0.95,
    scale: str = "logit",
    patients: ArrayLike | None = None,
) -> Estimate | Undefined:
    """The AUC of one score with DeLong's standard error and an interval.

    `labels` (n,) 0 or 1, `scores` (n,) higher for disease. On the `logit` scale the interval stays between 0 and 1;
    `linear` is the plain AUC +- z SE. `patients` (n,) names the patient of each image where there are several of one.
    An AUC of exactly 0 or 1 has no interval: its variance is estimated as 0, which is not certainty. Raises ValueError
    for labels other than 0 and 1, NaN, wrong shapes, or an unknown scale.
    """
    if scale not in ("logit", "linear"):
        raise ValueError(f"scale must be logit or linear, not {scale!r}")
    found = components(labels, np.asarray(scores, dtype=np.float64)[None], patients)
    if isinstance(found, Undefined):
        return found
    auc, method = float(found.aucs[0]), "DeLong" if patients is None else "DeLong, clustered by patient"
    if isinstance(found.covariance, Undefined):
        return Estimate(auc, found.covariance, found.covariance, method=method)
    error = math.sqrt(max(float(found.covariance[0, 0]), 0.0))
    return Estimate(auc, error, interval_of_auc(auc, error, stats.norm.ppf(upper(confidence)), scale), method=method)


def interval_of_auc(auc: float, error: float, width: float, scale: str = "logit") -> tuple[float, float] | Undefined:
    """An interval `width` standard errors to each side, on the logit scale or the linear one."""
    if error == 0 or (scale == "logit" and not 0 < auc < 1):
        return Undefined("with this AUC the variance is estimated as 0, which is not certainty")
    if scale == "linear":
        return float(auc - width * error), float(auc + width * error)
    middle, reach = special.logit(auc), width * error / (auc * (1 - auc))
    return float(special.expit(middle - reach)), float(special.expit(middle + reach))


def delong_test(
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    confidence: float = 0.95,
    patients: ArrayLike | None = None,
) -> Estimate | Undefined:
    """The paired difference of two AUCs over the same cases, b - a, with z, p and interval.

    It speaks of these two trained networks: how much another training would change them, it cannot know. Scores that
    rank all pairs alike give z = 0 and p = 1. Raises ValueError as `auc_interval`.
    """
    found = components(labels, np.stack([np.asarray(s, dtype=np.float64) for s in (scores_a, scores_b)]), patients)
    if isinstance(found, Undefined):
        return found
    method = "DeLong, paired" if patients is None else "DeLong, paired, clustered by patient"
    difference = float(found.aucs[1] - found.aucs[0])
    if isinstance(found.covariance, Undefined):
        reason = found.covariance
        return Estimate(difference, reason, reason, reason, None, reason, method)
    s = found.covariance
    variance = float(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    return z_test(difference, math.sqrt(max(variance, 0.0)), confidence, method)


def z_test(difference: float, error: float, confidence: float, method: str) -> Estimate:
    """A difference against 0 with a normal statistic; no difference and no variance is p = 1, not a division by 0."""
    if error <= 1e-14:  # rounding of sums that cancel
        if abs(difference) > 1e-14:
            reason = Undefined("the difference has no variance over these cases")
            return Estimate(difference, 0.0, reason, reason, None, reason, method)
        return Estimate(0.0, 0.0, CERTAIN, 0.0, None, 1.0, method)
    z = difference / error
    reach = float(stats.norm.ppf(upper(confidence))) * error
    p = float(2 * stats.norm.sf(abs(z)))
    return Estimate(difference, error, (difference - reach, difference + reach), z, None, p, method)


def delong_overall_test(
    labels: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None
) -> Estimate | Undefined:
    """Whether k AUCs over the same cases are equal: DeLong's contrast chi-square; scores (k, n).

    The estimate is the greatest difference between two of them. Contrasts without variance do not count.
    """
    found = components(labels, scores, patients)
    if isinstance(found, Undefined):
        return found
    spread = float(np.ptp(found.aucs))
    if isinstance(found.covariance, Undefined):
        reason = found.covariance
        return Estimate(spread, statistic=reason, degrees_of_freedom=reason, p_value=reason)
    contrast = np.eye(len(found.aucs))[1:] - np.eye(len(found.aucs))[:1]
    between = contrast @ found.aucs
    within = contrast @ found.covariance @ contrast.T
    # What rounding leaves of a contrast without variance must not count as one.
    tolerance = 1e-10 * float(np.trace(found.covariance))
    rank = int(np.linalg.matrix_rank(within, tol=tolerance, hermitian=True)) if len(within) else 0
    if not rank:
        reason = Undefined("the AUCs do not vary over these cases")
        return Estimate(spread, statistic=reason, degrees_of_freedom=reason, p_value=reason)
    chi2 = float(between @ np.linalg.pinv(within, rcond=1e-10, hermitian=True) @ between)
    return Estimate(spread, None, None, chi2, float(rank), float(stats.chi2.sf(chi2, rank)), "DeLong, chi-square")


def hanley_mcneil_error(auc: float, diseased: int, healthy: int) -> float:
    """The standard error that an AUC would have by its size alone (Hanley and McNeil: Radiology 1982), for planning."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (diseased - 1) * (q1 - auc**2) + (healthy - 1) * (q2 - auc**2)
    return math.sqrt(variance / (diseased * healthy))
