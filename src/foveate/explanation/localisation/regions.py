"""Where the lesion is: a mask, boxes or points, as pixels of the square image that the network saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from foveate.data.fit import on_square

Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1: edges, so that a box over the whole image is 0, 0, W, H
Point = tuple[float, float]  # x, y: (0.5, 0.5) is the middle of the first pixel

REACH = 15 / 224  # of the side: the pointing game's 15 pixels (Zhang et al. 2016) in an image of 224


@dataclass(frozen=True)
class Region:
    """The pixels of an image that a heat-map should lie on, and whether they say how far the lesion reaches."""

    mask: Mask  # (H, W)
    extent: bool = True  # False for points: they say where, not how far, so areas cannot be compared

    @property
    def pixels(self) -> int:
        return int(self.mask.size)

    @cached_property
    def area(self) -> int:
        return int(np.count_nonzero(self.mask))

    @property
    def share(self) -> float:
        """|M| / N."""
        return self.area / self.pixels

    @cached_property
    def near(self) -> Mask:
        """(H, W) the pixels less than 15/224 of the side away from the region, by their centres; none if it is empty.

        The side of an image that is not square is the root of its area.
        """
        if not self.area:
            return self.mask
        reach = REACH * math.sqrt(self.pixels)
        return np.asarray(ndimage.distance_transform_edt(~self.mask) < reach)


@dataclass(frozen=True)
class OntoSquare:
    """How an image became the square that the network saw: x in the image is x * scale + start on the square."""

    side: int
    scale: tuple[float, float]  # along x, along y
    start: tuple[float, float]


def onto_square(width: int, height: int, side: int, fit: str) -> OntoSquare:
    """Where `foveate.data.fit.square(image, side, fit)` puts a pixel: stretch, pad or crop."""
    lies = on_square(width, height, side, fit)
    return OntoSquare(side, (lies.width / width, lies.height / height), (lies.left, lies.top))


def of_boxes(boxes: Sequence[Box], place: OntoSquare) -> Region:
    """The boxes of one image, in its own pixels, as a mask on its square (side, side).

    A pixel belongs to a box that covers half of it; a box smaller than that keeps the pixel that it covers most, as a
    mask does when it is made smaller. What a crop cuts off is lost, so the region may be empty.
    """
    mask = np.zeros((place.side, place.side), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        covered = np.outer(_covered(y0, y1, place, 1), _covered(x0, x1, place, 0))
        most = float(covered.max())
        if most > 0:
            mask |= covered >= min(0.5, most) * (1 - 1e-9)
    return Region(mask)


def _covered(low: float, high: float, place: OntoSquare, axis: int) -> NDArray[np.float64]:
    """(side,) the share of each pixel of the square that lies between two edges of the image."""
    first, last = (edge * place.scale[axis] + place.start[axis] for edge in (low, high))
    edges = np.arange(place.side + 1)
    return np.asarray(np.clip(np.minimum(edges[1:], last) - np.maximum(edges[:-1], first), 0.0, 1.0))


def of_points(points: Sequence[Point], place: OntoSquare) -> Region:
    """The points of one image, in its own pixels, as the pixels of its square that they fall on; outside: none."""
    mask = np.zeros((place.side, place.side), dtype=bool)
    for point in points:
        column, row = (math.floor(value * place.scale[axis] + place.start[axis]) for axis, value in enumerate(point))
        if 0 <= row < place.side and 0 <= column < place.side:
            mask[row, column] = True
    return Region(mask, extent=False)
