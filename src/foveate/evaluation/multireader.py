"""Models compared over several training runs each: Obuchowski-Rockette, with the runs in the place of readers.

In a reader study, several readers rate the same cases with each of several modalities, and both the readers and the
cases are a sample. Here the modalities are models and the readers are training runs: a second training of the same
network, and a second set of cases, would both give another AUC. Neither a test over cases for one run each, nor a
t-test over runs, knows of both. Obuchowski and Rockette (Communications in Statistics B 1995) put the two together;
the denominator and its degrees of freedom are those of Hillis (Statistics in Medicine 2007) for runs that cross all
models (factorial: run j of every model shares its split or its order of batches), and of Hillis (Statistics in
Medicine 2014) for runs nested in their model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from foveate.evaluation import delong
from foveate.evaluation.means import means_of
from foveate.evaluation.results import Estimate, Undefined, upper

Design = Literal["nested", "factorial"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ErrorCovariances:
    """What the cases contribute, as averages over an AUC matrix's pairs (Obuchowski and Rockette's notation)."""

    variance: float  # of one run's AUC
    cov1: float  # same run, different models: counts where runs cross models
    cov2: float  # different runs of the same model
    cov3: float  # different runs, different models


@dataclass(frozen=True)
class Comparison:
    """All that the tests need: AUCs (models, runs) and the covariances; the tests are its methods.

    Other scores that are means over the same cases may stand in the place of AUCs (`mean_comparison`). Raises
    ValueError for fewer than two models, no run, or an unknown design.
    """

    aucs: Floats
    covariances: ErrorCovariances
    design: Design = "nested"

    def __post_init__(self) -> None:
        check_design(self.design)
        if self.aucs.ndim != 2 or self.aucs.shape[0] < 2 or self.aucs.shape[1] < 1:
            raise ValueError(f"AUCs must be (models, runs) of two models or more, not of shape {self.aucs.shape}")

    @property
    def between_models(self) -> float:
        """MS(T): mean square of the models' means."""
        models, runs = self.aucs.shape
        return float(runs * ((self.aucs.mean(1) - self.aucs.mean()) ** 2).sum() / (models - 1))

    @property
    def between_runs(self) -> float | Undefined:
        """MS(R in T), or MS(TR) where runs cross models: how far runs lie from what model (and run) explain."""
        if self.aucs.shape[1] < 2:
            return Undefined("one run a model cannot show how far runs lie apart")
        rest = self.aucs - self.aucs.mean(1, keepdims=True)
        if self.design == "factorial":
            rest = rest - self.aucs.mean(0, keepdims=True) + self.aucs.mean()
        square = float((rest**2).sum() / self.run_freedom)
        return 0.0 if square < 1e-24 else square  # what rounding leaves of runs that are all alike

    @property
    def run_freedom(self) -> int:
        models, runs = self.aucs.shape
        return int((models - 1) * (runs - 1) if self.design == "factorial" else models * (runs - 1))

    @property
    def from_cases(self) -> float:
        """What the cases add to the denominator: r max(cov2 - cov3, 0)."""
        return float(self.aucs.shape[1] * max(self.covariances.cov2 - self.covariances.cov3, 0.0))

    def denominator(self) -> tuple[float, float] | Undefined:
        """The error term of a difference of means, and Hillis' degrees of freedom (infinite where runs agree)."""
        square = self.between_runs
        if isinstance(square, Undefined):
            return square
        error = square + self.from_cases
        if error <= 1e-24:
            return Undefined("neither runs nor cases vary")
        return error, math.inf if square == 0 else error**2 * self.run_freedom / square**2

    def against_baseline(self, model: int, confidence: float = 0.95) -> Estimate:
        """Mean AUC of a model less that of model 0, with t test and interval; the error is that of all models."""
        method = f"Obuchowski-Rockette, runs as readers, {self.design}"
        difference = float(self.aucs[model].mean() - self.aucs[0].mean())
        found = self.denominator()
        if isinstance(found, Undefined):
            if abs(difference) <= 1e-14 and self.aucs.shape[1] > 1:  # nothing differs, nothing varies
                return Estimate(0.0, 0.0, delong.CERTAIN, 0.0, math.inf, 1.0, method)
            return Estimate(difference, found, found, found, found, found, method)
        error, freedom = math.sqrt(2 * found[0] / self.aucs.shape[1]), found[1]
        reach = float(stats.t.ppf(upper(confidence), freedom)) * error
        t = difference / error
        p = float(2 * stats.t.sf(abs(t), freedom))
        return Estimate(difference, error, (difference - reach, difference + reach), t, freedom, p, method)

    def overall(self) -> Estimate:
        """F over all models; the estimate is the greatest difference between two means."""
        method = f"Obuchowski-Rockette F, runs as readers, {self.design}"
        means = self.aucs.mean(1)
        found = self.denominator()
        if isinstance(found, Undefined):
            return Estimate(float(np.ptp(means)), None, None, found, found, found, method)
        f, freedom = self.between_models / found[0], (float(len(means) - 1), found[1])
        p = stats.f.sf(f, *freedom) if math.isfinite(freedom[1]) else stats.chi2.sf(f * freedom[0], freedom[0])
        return Estimate(float(np.ptp(means)), None, None, f, freedom, float(p), method)

    def runs_fixed(self) -> Estimate:
        """Chi-square over cases alone, as if these very runs were the models (crossed runs). Not the headline."""
        models, runs = self.aucs.shape
        c, method = self.covariances, "Obuchowski-Rockette chi-square, runs fixed"
        spread, freedom = float(np.ptp(self.aucs.mean(1))), float(models - 1)
        if self.design == "nested":  # its cov3 holds the pairs that cov1 would take out
            none = Undefined("runs can be held fixed in this way where they cross the models")
            return Estimate(spread, None, None, none, none, none, method)
        error = c.variance - c.cov1 + (runs - 1) * max(c.cov2 - c.cov3, 0.0)
        if error <= 1e-24:
            none = Undefined("the cases do not vary")
            return Estimate(spread, None, None, none, none, none, method)
        chi2 = freedom * self.between_models / error
        return Estimate(spread, None, None, chi2, freedom, float(stats.chi2.sf(chi2, freedom)), method)


def check_design(design: str) -> None:
    if design not in get_args(Design):
        raise ValueError(f"design must be nested or factorial, not {design!r}")


def comparison(
    labels: ArrayLike, scores: ArrayLike, design: Design = "nested", patients: ArrayLike | None = None
) -> Comparison | Undefined:
    """AUCs and DeLong covariances of scores (models, runs, cases)."""
    check_design(design)
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 3 or values.shape[0] < 2 or values.shape[1] < 1:
        raise ValueError(f"scores must be (models, runs, cases) of two models or more, not of shape {values.shape}")
    models, runs, cases = values.shape
    found = delong.components(labels, values.reshape(models * runs, cases), patients)
    if isinstance(found, Undefined):
        return found
    if isinstance(found.covariance, Undefined):
        return found.covariance
    s = found.covariance.reshape(models, runs, models, runs)
    return Comparison(found.aucs.reshape(models, runs), _averages(s, design), design)


def mean_comparison(
    values: ArrayLike, design: Design = "nested", patients: ArrayLike | None = None
) -> Comparison | Undefined:
    """Scores that are means over cases, values (models, runs, cases), in the place of AUCs.

    Their covariances are those of the values over cases, or over the sums of `patients` (cases,) (`means.means_of`).
    Raises ValueError for wrong shapes, NaN (compare over the cases that all scores exist for) or an unknown design.
    """
    check_design(design)
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 3 or given.shape[0] < 2 or given.shape[1] < 1:
        raise ValueError(f"values must be (models, runs, cases) of two models or more, not of shape {given.shape}")
    if np.isnan(given).any():
        raise ValueError("a value is NaN: compare over the cases that all scores exist for")
    models, runs, cases = given.shape
    found = means_of(given.reshape(models * runs, cases), patients)
    if isinstance(found, Undefined):
        return found
    if isinstance(found.covariance, Undefined):
        return found.covariance
    s = found.covariance.reshape(models, runs, models, runs)
    return Comparison(found.means.reshape(models, runs), _averages(s, design), design)


def _averages(s: Floats, design: Design) -> ErrorCovariances:
    """(models, runs, models, runs) covariances -> their four kinds, averaged; a kind without pairs is 0.

    Nested runs have no partner in another model, so every pair across models is one of different runs.
    """
    models, runs = s.shape[:2]
    model, run, other_model, other_run = np.ogrid[:models, :runs, :models, :runs]
    same_model = np.broadcast_to(model == other_model, s.shape)
    same_run = np.broadcast_to(run == other_run, s.shape)
    crossed = ~same_model & same_run
    apart = ~same_model if design == "nested" else ~same_model & ~same_run

    def mean(kind: NDArray[np.bool_]) -> float:
        return float(s[kind].mean()) if kind.any() else 0.0

    return ErrorCovariances(mean(same_model & same_run), mean(crossed), mean(same_model & ~same_run), mean(apart))


def compare_runs(
    labels: ArrayLike,
    scores: ArrayLike,
    design: Design = "nested",
    confidence: float = 0.95,
    patients: ArrayLike | None = None,
) -> tuple[Estimate | Undefined, ...]:
    """Each model's mean AUC over its runs against model 0's: one result for each of models 1, 2, ...

    `labels` (cases,) 0 or 1; `scores` (models, runs, cases), higher for disease, all over the same cases; `patients`
    (cases,) where images of one patient belong together. The estimate is model less baseline, tested by t with both
    runs and cases at random; the error term is pooled over all models. `factorial` is for runs that share their split
    or order of batches across models, and decided by how they were made. p-values are of single comparisons: see
    `holm`. Raises ValueError for wrong shapes, NaN, or an unknown design.
    """
    found = comparison(labels, scores, design, patients)
    others = range(1, np.asarray(scores).shape[0])
    if isinstance(found, Undefined):
        return tuple(found for _ in others)
    return tuple(found.against_baseline(model, confidence) for model in others)


def overall_test(
    labels: ArrayLike, scores: ArrayLike, design: Design = "nested", patients: ArrayLike | None = None
) -> Estimate | Undefined:
    """Whether any of the models differs: F, with arguments as for `compare_runs`."""
    found = comparison(labels, scores, design, patients)
    return found if isinstance(found, Undefined) else found.overall()


def mean_auc_interval(
    labels: ArrayLike, scores: ArrayLike, confidence: float = 0.95, patients: ArrayLike | None = None
) -> Estimate | Undefined:
    """One model's mean AUC over its runs, scores (runs, cases), with an interval for new runs and new cases.

    Hillis 2007: variance (MS(R) + r max(cov2, 0)) / r with t of (MS(R) + r max(cov2, 0))^2 / (MS(R)^2 / (r - 1))
    degrees of freedom; laid on the logit scale, so that it stays between 0 and 1. With one run it is DeLong's.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or not len(values):
        raise ValueError(f"scores must be (runs, cases), not of shape {values.shape}")
    if len(values) == 1:
        return delong.auc_interval(labels, values[0], confidence, patients=patients)
    found = delong.components(labels, values, patients)
    if isinstance(found, Undefined):
        return found
    mean, method = float(found.aucs.mean()), "Obuchowski-Rockette, one model"
    if isinstance(found.covariance, Undefined):
        return Estimate(mean, found.covariance, found.covariance, method=method)
    runs = len(values)
    between = float(found.aucs.var(ddof=1))
    cov2 = float(found.covariance[~np.eye(runs, dtype=bool)].mean())
    total = between + runs * max(cov2, 0.0)
    error = math.sqrt(total / runs)
    freedom = math.inf if between < 1e-24 else total**2 * (runs - 1) / between**2
    interval = delong.interval_of_auc(mean, error, float(stats.t.ppf(upper(confidence), freedom)))
    return Estimate(mean, error, interval, None, freedom, None, method)
