"""Scores of a heat-map's hottest place: does it point at the lesion?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foveate.explanation.localisation.overlap import Laid
from foveate.explanation.localisation.regions import OntoSquare, Point, Region, of_points


def pointing_game(laid: Laid) -> float | None:
    """1 where the hottest pixel is less than 15/224 of the side from the region, else 0 (Zhang et al. 2016).

    The authors' 15 pixels were pixels of images of about 224; they are scaled to this image's side. Where several
    pixels are the hottest (enlarging leaves a plateau at the edges of an image), the share of them that hits. A blank
    map points nowhere, which is a miss. Chance is the share of the image that lies so near. None for an empty region.
    """
    if not laid.region.area:
        return None
    return 0.0 if laid.blank else float(laid.region.near[laid.heat == laid.peak].mean())


def hit_rate(laid: Laid) -> float | None:
    """1 where the hottest pixel lies in the region, else 0, without tolerance (CheXlocalize; Saporta et al. 2022).

    Of several hottest pixels the first one counts, row by row, as it does there; but a blank map is a miss even where
    the lesion covers the first pixel. Chance is |M|/N. None for an empty region.
    """
    if not laid.region.area:
        return None
    return 0.0 if laid.blank else float(laid.region.mask.flat[int(np.argmax(laid.heat))])


def hit_rate_of_people(points: Sequence[Point], region: Region, place: OntoSquare) -> float | None:
    """What people reach in the same game: 1 where any of the points that they set lies in the region (CheXlocalize).

    `points` are in the pixels of the image, `place` says where these lie on the square. None for an empty region.
    """
    if not region.area:
        return None
    return float((of_points(points, place).mask & region.mask).any())
