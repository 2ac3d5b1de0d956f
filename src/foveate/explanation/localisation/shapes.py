"""Scores of the shape that a heat-map takes at a threshold: how well does it cover the lesion, and nothing else?"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from foveate.explanation.localisation.overlap import Laid

TOP = 0.1  # the share of the image that a fixed percentile marks


def _iou(laid: Laid, threshold: float) -> float | None:
    """Intersection over union of the region with the pixels hotter than a threshold.

    A map that marks no pixel (a blank or an even one) gets 0: the union is the region. None for an empty region.
    """
    if not laid.region.area:
        return None
    marked, shared = laid.above(threshold)
    return shared / (marked + laid.region.area - shared)


def matched_threshold(laid: Laid) -> float:
    """The quantile 1 - |M|/N: as many pixels are hotter as the region has, fewer where some tie."""
    return _hottest(laid, laid.region.area)


def top_threshold(laid: Laid) -> float:
    """The 90th percentile: a tenth of the pixels is hotter, fewer where some tie."""
    return _hottest(laid, round(TOP * laid.region.pixels))


def _hottest(laid: Laid, count: int) -> float:
    """The heat of the pixel after the `count` hottest; of the coldest one where these are all."""
    return float(laid.ascending[max(laid.region.pixels - count - 1, 0)])


def otsu_threshold(laid: Laid) -> float:
    """Where the 8-bit map splits into two groups of the greatest variance between them (Otsu 1979, Eq. 14-18).

    The map is stretched from its minimum to its maximum onto 0..255, as CheXlocalize does before OpenCV's Otsu; holes
    in what is marked are not filled. The value is that of the map: what is hotter is marked. An even map has its one
    value for a threshold, and so marks nothing.
    """
    low, high = float(laid.ascending[0]), laid.peak
    if high <= low:
        return high
    edges = low + np.arange(257) / 255 * (high - low)  # of the 256 levels; the last one holds the maximum alone
    counts = np.diff(np.searchsorted(laid.ascending, edges, side="left"))
    level = best_level(counts)
    return float(np.nextafter(edges[level + 1], -np.inf))  # hotter than that: at the next level's edge or above


def best_level(counts: NDArray[np.int64]) -> int:
    """Otsu's level of a histogram (levels,): what lies above it is one group. The first of several that are as good."""
    share = counts / counts.sum()
    below = np.cumsum(share)  # omega(k)
    moment = np.cumsum(share * np.arange(len(counts)))  # mu(k)
    both = below * (1 - below)
    between = np.zeros(len(counts))
    np.divide((moment[-1] * below - moment) ** 2, both, out=between, where=both > 1e-12)
    return int(np.argmax(between))


def iou_matched(laid: Laid) -> float | None:
    """IoU of the region with as many of the hottest pixels as it has itself."""
    return _iou(laid, matched_threshold(laid))


def iou_otsu(laid: Laid) -> float | None:
    """IoU of the region with what Otsu's threshold marks."""
    return _iou(laid, otsu_threshold(laid))


def iou_top(laid: Laid) -> float | None:
    """IoU of the region with the hottest tenth of the pixels."""
    return _iou(laid, top_threshold(laid))


@lru_cache(maxsize=1024)
def iou_of_random_pixels(marked: int, area: int, pixels: int) -> float:
    """What IoU marking so many pixels at random has on average, exactly.

    The overlap K is hypergeometric, and IoU is K / (marked + area - K). Near f / (2 - f) for marked = area = f N.
    """
    shared = np.arange(max(0, marked + area - pixels), min(marked, area) + 1)
    before = shared[:-1]
    # Of neighbours, P(K + 1) / P(K): their product gives all of them but for a factor.
    ratios = (area - before) * (marked - before) / ((before + 1) * (pixels - area - marked + before + 1))
    logarithms = np.r_[0.0, np.cumsum(np.log(ratios))]
    weights = np.exp(logarithms - logarithms.max())
    return float((weights * shared / np.maximum(marked + area - shared, 1)).sum() / weights.sum())


def random_iou(laid: Laid, threshold: float) -> float:
    """Chance of the IoU at a threshold: that of as many pixels as the map marks, thrown at random."""
    return iou_of_random_pixels(laid.above(threshold)[0], laid.region.area, laid.region.pixels)
