"""The textbook forms of three tests: every diseased case against every healthy one, as the formulas say.

Written from DeLong, DeLong, Clarke-Pearson (Biometrics 1988) and Hillis (Statistics in Medicine 2014). So many `pairs`
are taken at a time: all of them (None) is the formula as it stands, with its matrix of m x n; fewer keep the matrix in
the processor's cache and the memory bounded, which is the best that this form can do.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


def psi(diseased: Floats, healthy: Floats) -> Floats:
    """(m,), (n,) -> (m, n): 1 where the diseased case scores higher than the healthy one, 1/2 where they tie, or 0."""
    return np.asarray((diseased[:, None] > healthy) + 0.5 * (diseased[:, None] == healthy))


def components(positive: NDArray[np.bool_], scores: Floats, pairs: int | None = None) -> tuple[Floats, Floats, Floats]:
    """AUCs (k,) of scores (k, cases), with the components of the m diseased cases (k, m) and of the healthy (k, n)."""
    of_diseased, of_healthy = [], []
    for values in scores:
        diseased, healthy = values[positive], values[~positive]
        rows = len(diseased) if pairs is None else max(1, pairs // len(healthy))
        means, sums = [], np.zeros(len(healthy))
        for start in range(0, len(diseased), rows):
            block = psi(diseased[start : start + rows], healthy)
            means.append(block.mean(1))
            sums += block.sum(0)
        of_diseased.append(np.concatenate(means))
        of_healthy.append(sums / len(diseased))
    v10, v01 = np.array(of_diseased), np.array(of_healthy)
    return v10.mean(1), v10, v01


def covariance(aucs: Floats, v10: Floats, v01: Floats) -> Floats:
    """S10 / m + S01 / n: (k, k)."""
    (m, n), a, b = (v10.shape[1], v01.shape[1]), v10 - aucs[:, None], v01 - aucs[:, None]
    return np.asarray(a @ a.T / (m - 1) / m + b @ b.T / (n - 1) / n)


def delong_test(
    positive: NDArray[np.bool_], scores_a: Floats, scores_b: Floats, pairs: int | None = None
) -> tuple[float, float, float]:
    """Difference b - a, its standard error and p."""
    aucs, v10, v01 = components(positive, np.stack([scores_a, scores_b]), pairs)
    s = covariance(aucs, v10, v01)
    difference, error = float(aucs[1] - aucs[0]), math.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    return difference, error, float(2 * stats.norm.sf(abs(difference / error)))


def compare_runs(
    positive: NDArray[np.bool_], scores: Floats, pairs: int | None = None
) -> list[tuple[float, float, float]]:
    """Difference from model 0, standard error and p of models 1, 2, ...: runs nested in models, both at random."""
    models, runs, cases = scores.shape
    aucs, v10, v01 = components(positive, scores.reshape(models * runs, cases), pairs)
    s = covariance(aucs, v10, v01)
    same_model, across = [], []  # covariances of different runs of one model, and of runs of two models
    for one in range(models * runs):
        for other in range(models * runs):
            if one // runs != other // runs:
                across.append(s[one, other])
            elif one != other:
                same_model.append(s[one, other])
    table = aucs.reshape(models, runs)
    within = float(sum(((row - row.mean()) ** 2).sum() for row in table) / (models * (runs - 1)))  # MS(R in T)
    error = within + runs * max(float(np.mean(same_model)) - float(np.mean(across)), 0.0)
    freedom = error**2 / (within**2 / (models * (runs - 1)))
    found = []
    for row in table[1:]:
        difference, standard_error = float(row.mean() - table[0].mean()), math.sqrt(2 * error / runs)
        found.append((difference, standard_error, float(2 * stats.t.sf(abs(difference / standard_error), freedom))))
    return found
