"""Groups of images that models are compared on apart: those that all get right, each class, the doubtful, the sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foveate.evaluation.scores import RunScores


@dataclass(frozen=True)
class Truth:
    """How all runs together did on the images, by case."""

    right: dict[str, bool]  # whether every run that has the image gives the true class the greatest probability
    probability: dict[str, float]  # of the true class, the mean over these runs


def truth_of(found: Sequence[RunScores]) -> Truth:
    """Of runs whose scores are probabilities."""
    right: dict[str, bool] = {}
    sums: dict[str, list[float]] = {}
    for run in found:
        if run.several is None:
            of_truth = np.where(run.labels, run.scores, 1 - run.scores)
            correct = (run.scores > 0.5) == run.labels
        else:
            of_truth = run.several.probabilities[np.arange(len(run.cases)), run.several.labels]
            correct = run.several.probabilities.argmax(1) == run.several.labels
        for case, probability, is_right in zip(run.cases.tolist(), of_truth.tolist(), correct.tolist(), strict=True):
            right[case] = right.get(case, True) and bool(is_right)
            sums.setdefault(case, []).append(probability)
    return Truth(right, {case: float(np.mean(values)) for case, values in sums.items()})


def strata(cases: Sequence[str], truth: Truth, classes: Mapping[str, str]) -> dict[str, list[str]]:
    """Cases by stratum, without the strata that are empty: all, all_right, class:<name>, p_truth:low and :high.

    Classes count where there are several. The halves are the same images for all models, so that a difference between
    models within one is not one between images; the middle one of an odd number counts as low.
    """
    found = {"all": list(cases), "all_right": [case for case in cases if truth.right.get(case, False)]}
    names = sorted({classes[case] for case in cases})
    if len(names) > 1:
        found |= {f"class:{name}": [case for case in cases if classes[case] == name] for name in names}
    known = sorted((case for case in cases if case in truth.probability), key=lambda case: truth.probability[case])
    half = (len(known) + 1) // 2
    for name, half_of in (("low", set(known[:half])), ("high", set(known[half:]))):
        found[f"p_truth:{name}"] = [case for case in cases if case in half_of]
    return {name: own for name, own in found.items() if own}
