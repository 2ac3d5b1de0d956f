"""Does the heat-map lie on the lesion? Scores against masks, each beside what chance and the image's centre give.

Numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from foveate.data.prepare import pack_of
from foveate.explanation import heatmaps
from foveate.runs import StudyFolder, grid

CENTRE_PRIOR = "centre_prior"  # stands in the model column, with repeat 0
COLUMNS = ["dataset", "policy", "model", "repeat", "case", "metric", "value", "chance"]

Heat = NDArray[np.float64]
Mask = NDArray[np.bool_]


def energy(heat: Heat, mask: Mask) -> float | None:
    """Share of the heat that lies in the mask (energy-based pointing game; Wang et al. 2020, Score-CAM, 4.3).

    `heat`: (H, W), not negative; `mask`: (H, W). Chance is the mask's share of the image. None where the heat
    is zero everywhere: there is nothing to share out.
    """
    total = float(heat.sum())
    return float(heat[mask].sum()) / total if total > 0 else None


def pixel_auprc(heat: Heat, mask: Mask) -> float | None:
    """Area under the precision-recall curve of the pixels (average precision), heat as score, mask as truth.

    Chance is the mask's share of the image, which is also what an even map gets. None for an empty mask.
    """
    return float(average_precision_score(mask.ravel(), heat.ravel())) if mask.any() else None


METRICS: dict[str, Callable[[Heat, Mask], float | None]] = {"energy": energy, "pixel_auprc": pixel_auprc}


def centre_prior(side: int) -> Heat:
    """A Gaussian in the middle of a square image, standard deviation a quarter of the side, maximum 1."""
    distance = (np.arange(side) + 0.5) / side - 0.5
    bell = np.exp(-0.5 * (distance / 0.25) ** 2)
    return np.outer(bell, bell)


def score_study(folder: StudyFolder) -> pd.DataFrame:
    """Every run's heat-maps of the validation cases that have a mask, as rows of localisation.csv."""
    return pd.DataFrame(_rows(folder), columns=COLUMNS)


def _rows(folder: StudyFolder) -> Iterator[tuple[object, ...]]:
    prior_scored: set[str] = set()
    for run in grid(folder.study):
        subject, file = run.subject, folder.run(run) / "heatmaps.npz"
        if not file.is_file():
            continue
        pack, maps = pack_of(folder, subject), heatmaps.load(file)
        side = pack.index.pixels
        prior = centre_prior(side)
        for case, raw in zip(map(str, maps.case), maps.raw, strict=True):
            mask = pack.mask(case)
            if mask is None:
                continue
            scored = {(run.model, run.repeat): heatmaps.heat(raw, side, side)}
            if run.repeat == 1 and f"{subject.name}/{case}" not in prior_scored:
                prior_scored.add(f"{subject.name}/{case}")
                scored[CENTRE_PRIOR, 0] = prior
            for (model, repeat), heat in scored.items():
                for name, metric in METRICS.items():
                    row = (subject.dataset, subject.policy, model, repeat, case, name)
                    yield (*row, metric(heat, mask), float(mask.mean()))
