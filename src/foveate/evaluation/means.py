"""Scores that are means over cases, such as how much of a heat-map lies on the lesion: their covariance, an interval of
one model's mean, and the paired test of two networks. Several runs of several models: `multireader.mean_comparison`.

The covariance of two means over the same cases is that of their values, divided by the number of cases. Where patients
contribute several cases, deviations are summed within patients first (the ratio estimator's linear variance; Cochran,
Sampling Techniques 1977, 6.3 with clusters), which is the same thing where every patient has one case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from foveate.evaluation.delong import CERTAIN, check_patients, interval_of_auc
from foveate.evaluation.results import Estimate, Undefined, upper

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Means:
    """Means of several scores over one set of cases, and their covariance matrix."""

    means: Floats  # (k,)
    covariance: Floats | Undefined  # (k, k); undefined for a single case or patient
    units: int  # independent ones: patients where they are known, else cases


def means_of(values: ArrayLike, patients: ArrayLike | None = None) -> Means | Undefined:
    """Means and their covariance; `values` (k, cases), NaN where a score does not exist for a case.

    Each mean is over the cases that its score exists for. `patients` (cases,) where images of one belong together.
    Undefined where a score exists for no case. Raises ValueError for wrong shapes.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or not len(given):
        raise ValueError(f"values must be (scores, cases), not of shape {given.shape}")
    there = ~np.isnan(given)
    counts = there.sum(1)
    if not counts.all():
        return Undefined("a score exists for no case")
    means = np.where(there, given, 0.0).sum(1) / counts
    deviations = np.where(there, given - means[:, None], 0.0) / counts[:, None]
    used = there.any(0)
    deviations = deviations[:, used]
    if patients is not None:
        _, of = np.unique(check_patients(patients, given.shape[1])[used], return_inverse=True)
        deviations = np.array([np.bincount(of, row) for row in deviations])
    units = deviations.shape[1]
    if units < 2:
        return Means(means, Undefined(f"a single {'case' if patients is None else 'patient'} has no variance"), units)
    return Means(means, deviations @ deviations.T * (units / (units - 1)), units)


def mean_interval(
    values: ArrayLike, confidence: float = 0.95, patients: ArrayLike | None = None
) -> Estimate | Undefined:
    """One model's mean over its runs of a score in [0, 1], values (runs, cases), for new runs and new cases.

    NaN where the score does not exist. Several runs: variance (MS(R) + r max(cov2, 0)) / r with Hillis' degrees of
    freedom, as `multireader.mean_auc_interval`; one run: t over cases, which knows nothing of other runs. Laid on the
    logit scale, so that it stays between 0 and 1. Raises ValueError for wrong shapes.
    """
    found = means_of(values, patients)
    if isinstance(found, Undefined):
        return found
    runs, mean = len(found.means), float(found.means.mean())
    method = "t over cases, one run" if runs == 1 else "Obuchowski-Rockette, one model"
    if isinstance(found.covariance, Undefined):
        return Estimate(mean, found.covariance, found.covariance, method=method)
    if runs == 1:
        error, freedom = math.sqrt(found.covariance[0, 0]), found.units - 1.0
    else:
        between = float(found.means.var(ddof=1))
        cov2 = float(found.covariance[~np.eye(runs, dtype=bool)].mean())
        total = between + runs * max(cov2, 0.0)
        error = math.sqrt(total / runs)
        freedom = math.inf if between < 1e-24 else total**2 * (runs - 1) / between**2
    interval = interval_of_auc(mean, error, float(stats.t.ppf(upper(confidence), freedom)))
    return Estimate(mean, error, interval, None, freedom, None, method)


def paired_test(
    baseline: ArrayLike, other: ArrayLike, confidence: float = 0.95, patients: ArrayLike | None = None
) -> Estimate | Undefined:
    """Mean of one network's scores (cases,) less another's of the same cases, by a paired t over cases or patients.

    It speaks of these two trained networks: how much another training would change them, it cannot know. Raises
    ValueError for wrong shapes and NaN.
    """
    first, second = (np.asarray(of, dtype=np.float64) for of in (baseline, other))
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"scores of shapes {first.shape} and {second.shape} make no pairs")
    if np.isnan(first).any() or np.isnan(second).any():
        raise ValueError("a score is NaN: pair the cases that both scores exist for")
    found = means_of((second - first)[None], patients)
    if isinstance(found, Undefined):
        return found
    difference, method = float(found.means[0]), f"paired t over {'cases' if patients is None else 'patients'}"
    if isinstance(found.covariance, Undefined):
        reason = found.covariance
        return Estimate(difference, reason, reason, reason, reason, reason, method)
    error, freedom = math.sqrt(found.covariance[0, 0]), found.units - 1.0
    if error <= 1e-14:  # rounding of sums that cancel
        if abs(difference) <= 1e-14:
            return Estimate(0.0, 0.0, CERTAIN, 0.0, freedom, 1.0, method)
        reason = Undefined("the difference has no variance over these cases")
        return Estimate(difference, 0.0, reason, reason, freedom, reason, method)
    reach, t = float(stats.t.ppf(upper(confidence), freedom)) * error, difference / error
    p = float(2 * stats.t.sf(abs(t), freedom))
    return Estimate(difference, error, (difference - reach, difference + reach), t, freedom, p, method)
