"""Scores that need no threshold, because they go over all of them: does the map rank lesion pixels before others?"""

from __future__ import annotations

import numpy as np

from foveate.explanation.localisation.overlap import Laid


def pixel_auprc(laid: Laid) -> float | None:
    """Area under the precision-recall curve of the pixels (average precision), heat as score, region as truth.

    Arun et al. (Radiology: AI 2021). The mean over the region's pixels of the precision at the pixel's own heat, so
    ties count as one step. Chance is |M|/N, which is what an even map gets; ranking the pixels at random, without ties,
    gives up to H_N / N more (H_N: harmonic number), which is 0.0002 for 224 x 224. None for an empty region.
    """
    if not laid.region.area:
        return None
    hotter = len(laid.ascending) - np.searchsorted(laid.ascending, laid.inside, side="left")
    hits = len(laid.inside) - np.searchsorted(laid.inside, laid.inside, side="left")
    return float((hits / hotter).mean())


def pixel_auroc(laid: Laid) -> float | None:
    """The chance that a pixel of the region is hotter than one outside, ties half: the AUC of the pixels.

    Chance is 0.5. None where no pixel lies inside, or none outside.
    """
    outside = laid.region.pixels - laid.region.area
    if not laid.region.area or not outside:
        return None
    colder, as_cold = (
        np.searchsorted(laid.ascending, laid.inside, side=side) - np.searchsorted(laid.inside, laid.inside, side=side)
        for side in ("left", "right")
    )
    return float((colder + as_cold).mean() / (2 * outside))


def rank_accuracy(laid: Laid) -> float | None:
    """Relevance rank accuracy: of the |M| hottest pixels, the share that lies in the region (Arras et al. 2022).

    Where pixels as hot as the last of them tie for its place, what drawing among them gives on average. Chance is
    |M|/N. None for an empty region.
    """
    area = laid.region.area
    if not area:
        return None
    last = float(laid.ascending[-area])
    hotter, hits = laid.above(last)
    tied, tied_inside = laid.above(float(np.nextafter(last, -np.inf)))
    return (hits + (tied_inside - hits) * (area - hotter) / (tied - hotter)) / area
