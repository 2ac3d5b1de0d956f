"""Measures of one run over all thresholds: numpy arrays in, numbers out.

They depend on the order of the scores alone, and are computed on their ranks: so an infinite score is one like others.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from foveate.evaluation.delong import ONE_CLASS, check_labels, check_scores
from foveate.evaluation.results import Undefined


def auc(labels: ArrayLike, scores: ArrayLike) -> float | Undefined:
    """Area under the ROC curve: the chance that a diseased case scores higher than a healthy one, ties half.

    `labels`: (n,) 0 or 1; `scores`: (n,) higher for disease. Below 0.5 it is reported as it is, never flipped.
    Undefined where one class is absent; raises ValueError for other labels, NaN or another length.
    """
    truth = check_labels(labels)
    values = check_scores(scores, len(truth))
    if truth.all() or not truth.any():
        return ONE_CLASS
    return float(roc_auc_score(truth, stats.rankdata(values)))


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float | Undefined:
    """Area under the precision-recall curve, as a sum of steps. Its chance level is the share of diseased cases."""
    truth = check_labels(labels)
    values = check_scores(scores, len(truth))
    if not truth.any():
        return Undefined("average precision needs a diseased case")
    return float(average_precision_score(truth, stats.rankdata(values)))


def sensitivity_at(labels: ArrayLike, scores: ArrayLike, specificity: float) -> float | Undefined:
    """The highest sensitivity that the ROC curve has at this specificity or more; no interpolation between points."""
    truth = check_labels(labels)
    values = check_scores(scores, len(truth))
    if not 0 <= specificity <= 1:
        raise ValueError(f"specificity must lie between 0 and 1, not {specificity}")
    if truth.all() or not truth.any():
        return Undefined("sensitivity at a specificity needs cases of both classes")
    false_positive, sensitivity, _ = roc_curve(truth, stats.rankdata(values), drop_intermediate=False)
    return float(sensitivity[1 - false_positive >= specificity - 1e-12].max())


def multiclass_auc(
    labels: ArrayLike, probabilities: ArrayLike, average: Literal["one_vs_rest", "hand_till"] = "one_vs_rest"
) -> float | Undefined:
    """AUC of more than two classes: labels (n,) in 0 .. k - 1, probabilities (n, k).

    `one_vs_rest` is the plain mean of the k AUCs of a class against all others; `hand_till` the mean over pairs of
    classes, which does not depend on their sizes (Hand and Till: Machine Learning 2001).
    """
    if average not in ("one_vs_rest", "hand_till"):
        raise ValueError(f"average must be one_vs_rest or hand_till, not {average!r}")
    truth, values = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(truth):
        raise ValueError(f"probabilities of shape {values.shape} do not fit {len(truth)} labels")
    if set(np.unique(truth)) != set(range(values.shape[1])):
        return Undefined("the AUC of several classes needs cases of all of them")
    classes = range(values.shape[1])
    if average == "one_vs_rest":
        return float(np.mean([auc(truth == one, values[:, one]) for one in classes]))
    pairs = [(one, other) for one in classes for other in classes if one != other]
    kept = [(truth == one) | (truth == other) for one, other in pairs]
    return float(np.mean([auc(truth[of] == one, values[of, one]) for (one, _), of in zip(pairs, kept, strict=True)]))


def disease(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], positives: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each case is diseased, and its score: the sum of the probabilities of the last `positives` classes."""
    first = probabilities.shape[1] - positives
    return labels >= first, probabilities[:, first:].sum(1)


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """(n, classes) logits -> probabilities, float64."""
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))
