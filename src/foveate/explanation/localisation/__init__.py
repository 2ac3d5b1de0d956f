"""Does the heat-map lie on the lesion? Scores against masks, boxes and points, beside what maps that know nothing
get.

Without torch.
"""

from __future__ import annotations

from foveate.explanation.localisation.metrics import METRICS, Metric, energy, score
from foveate.explanation.localisation.overlap import Laid
from foveate.explanation.localisation.pointing import hit_rate, hit_rate_of_people, pointing_game
from foveate.explanation.localisation.priors import CENTRE_PRIOR, MEAN_MAP, PRIORS, centre_prior
from foveate.explanation.localisation.ranking import pixel_auprc, pixel_auroc, rank_accuracy
from foveate.explanation.localisation.region_table import FILE as REGIONS
from foveate.explanation.localisation.region_table import adopt, form_said, read_regions
from foveate.explanation.localisation.regions import Region
from foveate.explanation.localisation.shapes import iou_matched, iou_otsu, iou_top
from foveate.explanation.localisation.study import COLUMNS, score_study

__all__ = [
    "CENTRE_PRIOR",
    "COLUMNS",
    "MEAN_MAP",
    "METRICS",
    "PRIORS",
    "REGIONS",
    "Laid",
    "Metric",
    "Region",
    "adopt",
    "centre_prior",
    "energy",
    "form_said",
    "hit_rate",
    "hit_rate_of_people",
    "iou_matched",
    "iou_otsu",
    "iou_top",
    "pixel_auprc",
    "pixel_auroc",
    "pointing_game",
    "rank_accuracy",
    "read_regions",
    "score",
    "score_study",
]
