"""Everything that is said of one run: its measures with their intervals, as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foveate.evaluation import calibration, metrics, thresholds
from foveate.evaluation.delong import auc_interval
from foveate.evaluation.results import Estimate, Undefined
from foveate.evaluation.scores import RunScores, Several
from foveate.evaluation.thresholds import Rule

SPECIFICITIES = (0.90, 0.95)


@dataclass(frozen=True)
class Measure:
    """One number about one run; None where it does not exist, and `note` says why."""

    name: str
    threshold: str  # "0.5", "chosen", or "" where none is involved
    prevalence: float | None  # None: as in the validation part
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def column(self) -> str:
        """Its name in results.csv."""
        name = f"{self.name}_chosen" if self.threshold == "chosen" else self.name
        return name if self.prevalence is None else f"{name}_at_prevalence"


def run_measures(
    run: RunScores, rule: Rule = "youden", prevalence: float | None = None, confidence: float = 0.95
) -> list[Measure]:
    """AUC, average precision, decisions at 0.5 and at a threshold chosen elsewhere, calibration; see docs/numbers.md.

    Decisions at 0.5 and calibration are left out where the scores are no probabilities. Where `prevalence` is given,
    what depends on it is given for that as well.
    """
    found = [_measure("auc", auc_interval(run.labels, run.scores, confidence, patients=run.patients))]
    found.append(_measure("average_precision", metrics.average_precision(run.labels, run.scores)))
    for wanted in SPECIFICITIES:
        value = metrics.sensitivity_at(run.labels, run.scores, wanted)
        found.append(_measure(f"sensitivity_at_{100 * wanted:.0f}_specificity", value))
    for threshold, calls in _calls(run, rule):
        for population in (None, prevalence) if prevalence is not None else (None,):
            found += _decisions(run, threshold, calls, population, confidence)
    if run.several is not None:
        found += _by_class(run, run.several, confidence)
    if run.probabilities:
        for population in (None, prevalence) if prevalence is not None else (None,):
            for name, score in (("brier", calibration.brier), ("log_loss", calibration.log_loss)):
                found.append(_measure(name, score(run.labels, run.scores, population), prevalence=population))
            error = calibration.calibration_error(run.labels, run.scores, prevalence=population)
            found.append(_measure("calibration_error", error, prevalence=population))
    return found


def _by_class(run: RunScores, several: Several, confidence: float) -> Iterator[Measure]:
    """How well each class is told from the others, and how often the most probable one is right."""
    yield _measure("auc_one_vs_rest", metrics.multiclass_auc(several.labels, several.probabilities))
    for number, name in enumerate(several.classes):
        own = auc_interval(
            several.labels == number, several.probabilities[:, number], confidence, patients=run.patients
        )
        yield _measure(f"auc_of_{name}", own)
    right = several.probabilities.argmax(1) == several.labels
    yield _measure("accuracy_of_classes", thresholds.wilson(int(right.sum()), len(right), confidence))


def _calls(run: RunScores, rule: Rule) -> Iterator[tuple[str, NDArray[np.bool_] | Undefined]]:
    if run.probabilities:
        yield "0.5", run.scores >= 0.5
    if run.tuning is None:
        yield "chosen", thresholds.cross_fitted_calls(run.labels, run.scores, rule, run.patients)
        return
    threshold = thresholds.choose_threshold(*run.tuning, rule)
    yield "chosen", threshold if isinstance(threshold, Undefined) else run.scores >= threshold


def _decisions(
    run: RunScores,
    threshold: str,
    calls: NDArray[np.bool_] | Undefined,
    prevalence: float | None,
    confidence: float,
) -> list[Measure]:
    if isinstance(calls, Undefined):
        return [
            Measure(name, threshold, prevalence, None, note=calls.reason) for name in ("sensitivity", "specificity")
        ]
    judged = thresholds.decisions(run.labels, calls, confidence, prevalence).items()
    same = ("sensitivity", "specificity")  # no prevalence changes these
    kept = [(name, value) for name, value in judged if prevalence is None or name not in same]
    return [_measure(name, value, threshold, prevalence) for name, value in kept]


def _measure(
    name: str, value: Estimate | Undefined | float, threshold: str = "", prevalence: float | None = None
) -> Measure:
    if isinstance(value, Undefined):
        return Measure(name, threshold, prevalence, None, note=value.reason)
    if not isinstance(value, Estimate):
        return Measure(name, threshold, prevalence, value)
    if value.interval is None or isinstance(value.interval, Undefined):
        note = value.interval.reason if value.interval else ""
        return Measure(name, threshold, prevalence, value.estimate, note=note)
    return Measure(name, threshold, prevalence, value.estimate, *value.interval)
