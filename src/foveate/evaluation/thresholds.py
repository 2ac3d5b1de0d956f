"""Decisions at a threshold: sensitivity, specificity and their kin, and thresholds that were chosen elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import roc_curve
from sklearn.model_selection import StratifiedGroupKFold

from foveate.evaluation.delong import ONE_CLASS, check_labels, check_patients, check_scores
from foveate.evaluation.results import Estimate, Undefined

Rule = float | str  # "youden", or a sensitivity to reach such as 0.95


@dataclass(frozen=True)
class Decisions:
    """What a yes-or-no answer is worth; proportions with Wilson intervals, F1 and MCC (-1 to 1) without."""

    sensitivity: Estimate | Undefined
    specificity: Estimate | Undefined
    ppv: Estimate | Undefined
    npv: Estimate | Undefined
    accuracy: Estimate | Undefined
    f1: Estimate | Undefined
    mcc: Estimate | Undefined

    def items(self) -> list[tuple[str, Estimate | Undefined]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


def decisions(
    labels: ArrayLike, called: ArrayLike, confidence: float = 0.95, prevalence: float | None = None
) -> Decisions:
    """Measures of calls (n,) 0 or 1 against labels (n,) 0 or 1.

    With `prevalence`, PPV, NPV, accuracy, F1 and MCC are those of a population in which that share is diseased:
    computed from sensitivity and specificity, without intervals, since they are no proportions of these cases.
    """
    truth, call = check_labels(labels), check_labels(called)
    if truth.shape != call.shape:
        raise ValueError(f"{len(call)} calls do not fit {len(truth)} labels")
    tp, fn = int((truth & call).sum()), int((truth & ~call).sum())
    fp, tn = int((~truth & call).sum()), int((~truth & ~call).sum())
    sensitivity = _proportion(tp, tp + fn, "no case is diseased", confidence)
    specificity = _proportion(tn, tn + fp, "no case is healthy", confidence)
    if prevalence is not None:
        return _at_prevalence(sensitivity, specificity, prevalence)
    root = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return Decisions(
        sensitivity,
        specificity,
        _proportion(tp, tp + fp, "nothing is called diseased", confidence),
        _proportion(tn, tn + fn, "nothing is called healthy", confidence),
        _proportion(tp + tn, len(truth), "there is no case", confidence),
        Estimate(2 * tp / (2 * tp + fp + fn)) if tp + fp + fn else Undefined("nothing is or is called diseased"),
        Estimate((tp * tn - fp * fn) / root) if root else Undefined("a row or column of the table is empty"),
    )


def _at_prevalence(
    sensitivity: Estimate | Undefined, specificity: Estimate | Undefined, prevalence: float
) -> Decisions:
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie between 0 and 1, not {prevalence}")
    if isinstance(sensitivity, Undefined) or isinstance(specificity, Undefined):
        return Decisions(sensitivity, specificity, *[ONE_CLASS] * 5)
    tp, tn = sensitivity.estimate * prevalence, specificity.estimate * (1 - prevalence)
    fn, fp = prevalence - tp, 1 - prevalence - tn
    root = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return Decisions(
        sensitivity,
        specificity,
        Estimate(tp / (tp + fp)) if tp + fp else Undefined("nothing is called diseased"),
        Estimate(tn / (tn + fn)) if tn + fn else Undefined("nothing is called healthy"),
        Estimate(tp + tn),
        Estimate(2 * tp / (2 * tp + fp + fn)),
        Estimate((tp * tn - fp * fn) / root) if root else Undefined("a row or column of the table is empty"),
    )


def _proportion(hits: int, of: int, empty: str, confidence: float) -> Estimate | Undefined:
    return wilson(hits, of, confidence) if of else Undefined(empty)


def wilson(hits: int, of: int, confidence: float = 0.95) -> Estimate:
    """A proportion with Wilson's interval (JASA 1927)."""
    interval = stats.binomtest(hits, of).proportion_ci(confidence, method="wilson")
    return Estimate(hits / of, None, (float(interval.low), float(interval.high)), method="Wilson")


def choose_threshold(labels: ArrayLike, scores: ArrayLike, rule: Rule = "youden") -> float | Undefined:
    """The threshold (diseased at or above it) that is best on these cases.

    `youden`: the greatest sensitivity + specificity - 1; a number: the highest threshold that reaches that
    sensitivity. Of equals the highest. It must be judged on other cases. Raises ValueError for an unknown rule.
    """
    if not (rule == "youden" or (isinstance(rule, int | float) and 0 < rule <= 1)):
        raise ValueError(f"rule must be 'youden' or a sensitivity between 0 and 1, not {rule!r}")
    truth = check_labels(labels)
    values = check_scores(scores, len(truth))
    if truth.all() or not truth.any():
        return Undefined("a threshold can be chosen only where both classes are")
    distinct, places = np.unique(values, return_inverse=True)  # scikit-learn takes no infinite score
    false_positive, sensitivity, reached = roc_curve(truth, places, drop_intermediate=False)
    false_positive, sensitivity = false_positive[1:], sensitivity[1:]  # without the corner where nothing is called
    thresholds = distinct[reached[1:].astype(int)]
    if rule == "youden":
        gain = np.round(sensitivity - false_positive, 12)  # equals must stay equal
        return float(thresholds[int(gain.argmax())])
    return float(thresholds[int(np.argmax(sensitivity >= float(rule) - 1e-12))])


def cross_fitted_calls(
    labels: ArrayLike,
    scores: ArrayLike,
    rule: Rule = "youden",
    patients: ArrayLike | None = None,
    folds: int = 5,
    seed: int = 0,
) -> NDArray[np.bool_] | Undefined:
    """Calls (n,) by thresholds of which none has seen the case that it judges.

    The cases are dealt into folds, patients kept whole and classes balanced; the threshold for a fold is chosen on all
    others. `seed` decides the folds. Undefined where a class has fewer than two patients.
    """
    truth = check_labels(labels)
    values = check_scores(scores, len(truth))
    groups = np.arange(len(truth)) if patients is None else check_patients(patients, len(truth))
    fewest = min(len(np.unique(groups[truth])), len(np.unique(groups[~truth])))
    if fewest < 2:
        return Undefined("a class with fewer than two patients leaves none to choose a threshold on")
    calls = np.zeros(len(truth), dtype=bool)
    dealer = StratifiedGroupKFold(min(folds, fewest), shuffle=True, random_state=seed)
    for chosen_on, judged in dealer.split(values, truth, groups):
        threshold = choose_threshold(truth[chosen_on], values[chosen_on], rule)
        if isinstance(threshold, Undefined):
            return threshold
        calls[judged] = values[judged] >= threshold
    return calls
