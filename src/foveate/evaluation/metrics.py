"""Measures of one run: numpy arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a diseased case scores higher than a healthy one, ties half.

    `labels`: (n,) 0 or 1; `scores`: (n,) higher for disease. Raises ValueError where one class is absent.
    """
    truth = np.asarray(labels)
    if len(np.unique(truth)) != 2:
        raise ValueError("the AUC needs cases of both classes")
    return float(roc_auc_score(truth, np.asarray(scores, dtype=np.float64)))


def softmax(logits: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(n, classes) logits -> probabilities, float64."""
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))
