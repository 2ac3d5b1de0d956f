"""All scores of a heat-map on a region, by the names that they have in localisation.csv."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foveate.explanation.localisation import shapes
from foveate.explanation.localisation.overlap import Laid
from foveate.explanation.localisation.pointing import hit_rate, pointing_game
from foveate.explanation.localisation.ranking import pixel_auprc, pixel_auroc, rank_accuracy


@dataclass(frozen=True)
class Metric:
    """A score, and what a map that knows nothing gets on average; higher is better, all lie in [0, 1]."""

    value: Callable[[Laid], float | None]  # None where it does not exist
    chance: Callable[[Laid], float]  # of pixels drawn at random


def energy(laid: Laid) -> float | None:
    """Share of the heat that lies in the region (energy-based pointing game; Wang et al. 2020, Score-CAM, 4.3).

    Also known as relevance mass accuracy. Chance is |M|/N. None where the heat is zero everywhere: there is nothing to
    share out; and for an empty region.
    """
    total = float(laid.heat.sum())
    if total <= 0 or not laid.region.area:
        return None
    return float(laid.inside.sum()) / total


def _share(laid: Laid) -> float:
    return laid.region.share


METRICS: dict[str, Metric] = {
    "energy": Metric(energy, _share),
    "pixel_auprc": Metric(pixel_auprc, _share),
    "pixel_auroc": Metric(pixel_auroc, lambda laid: 0.5),
    "pointing": Metric(pointing_game, lambda laid: float(laid.region.near.mean())),
    "hit_rate": Metric(hit_rate, _share),
    "rank_accuracy": Metric(rank_accuracy, _share),
    "iou_matched": Metric(shapes.iou_matched, lambda laid: shapes.random_iou(laid, shapes.matched_threshold(laid))),
    "iou_otsu": Metric(shapes.iou_otsu, lambda laid: shapes.random_iou(laid, shapes.otsu_threshold(laid))),
    "iou_top": Metric(shapes.iou_top, lambda laid: shapes.random_iou(laid, shapes.top_threshold(laid))),
}
OF_POINTS = ("pointing",)  # points say where a lesion is, but not how far it reaches: no other score can use them


def score(laid: Laid) -> dict[str, tuple[float | None, float]]:
    """Value and chance by metric, of those that the region allows; the value is None where it does not exist."""
    names = METRICS if laid.region.extent else OF_POINTS
    return {name: (METRICS[name].value(laid), METRICS[name].chance(laid)) for name in names}
