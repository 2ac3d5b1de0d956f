"""From the square that the network saw back to the shape of the original image, for pictures, maps and contours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from foveate.data.fit import on_square
from foveate.explanation import heatmaps
from foveate.explanation.display_range import is_flat

LONGEST = 2  # times the square's side: an image as a whole is shown no longer than that


@dataclass(frozen=True)
class Geometry:
    """The square of `side` pixels is shown `rows` x `columns` pixels large, and of that only the window.

    What `fit.square` did is undone: stretched sides are stretched back and black edges cut off. What "crop" cut
    off is not in the pack and cannot come back; the rest has its shape already.
    """

    side: int
    rows: int
    columns: int
    top: int
    left: int
    height: int
    width: int

    @property
    def _window(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def picture(self, square: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The packed pixels in the original's shape: (side, side, 3) -> (height, width, 3)."""
        if (self.rows, self.columns) != square.shape[:2]:
            size = (self.columns, self.rows)
            square = np.asarray(Image.fromarray(square).resize(size, Image.Resampling.BICUBIC))
        return square[self._window]

    def enlarge(self, raw: NDArray[np.floating]) -> NDArray[np.float64]:
        """A map of the square enlarged bilinearly (`heatmaps.enlarge`) in the original's shape: -> (height, width)."""
        return heatmaps.enlarge(raw, self.rows, self.columns)[self._window]

    def points(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., 2) places (x, y) in the square's pixels -> in the shown ones; pixel centres are whole numbers."""
        scale = np.array([self.columns, self.rows]) / self.side
        return np.asarray((places + 0.5) * scale - 0.5 - np.array([self.left, self.top]), dtype=np.float64)


def geometry(width: int, height: int, side: int, fit: str) -> Geometry:
    """How an original of width x height pixels that `fit.square(pixels, side, fit)` brought to a square is shown.

    "stretch": the original's aspect ratio, its shorter side as long as the square's, so that nothing is lost, unless
    the longer one would exceed LONGEST sides. "pad": the part of the square that is image, in whole pixels. "crop": the
    square itself, the middle of the original.
    """
    if fit == "crop" or width == height:
        return Geometry(side, side, side, 0, 0, side, side)
    if fit == "pad":
        lies = on_square(width, height, side, fit)
        return Geometry(side, side, side, *map(round, (lies.top, lies.left, lies.height, lies.width)))
    scale = min(side / min(width, height), LONGEST * side / max(width, height))
    rows, columns = _pixels(height * scale), _pixels(width * scale)
    return Geometry(side, rows, columns, 0, 0, rows, columns)


def _pixels(length: float) -> int:
    return max(1, round(length))


def on_original(raw: NDArray[np.floating], height: int, width: int, side: int, fit: str) -> NDArray[np.float64]:
    """A raw heat-map laid back on the whole original: (h, w) -> (height, width) in [0, 1].

    As `heatmaps.heat`, but to where `fit.square(image, side, fit)` took the pixels from. It is 0 where the network saw
    nothing ("crop"), and 0 everywhere where no value is positive.
    """
    lies = on_square(width, height, side, fit)
    down, across = (lies.top / side, lies.height / side), (lies.left / side, lies.width / side)
    return heatmaps.heat(raw, height, width, down, across)


def is_flat_on_original(raw: NDArray[np.floating], heat: NDArray[np.float64]) -> bool:
    """Whether a map is flat (`display_range.is_flat`), by itself or in the part that shows on the original.

    heat: `on_original(raw, ...)`. Where "crop" cut the image, that is 0 around a flat map too, which says nothing. A
    blank map is not flat.
    """
    return bool(heat.any()) and (is_flat(np.maximum(raw, 0)) or is_flat(heat))


def original_sizes(manifest: Path) -> dict[str, tuple[int, int]]:
    """Width and height of each case's original, from manifest.csv; none where a study travels without that file."""
    if not manifest.is_file():
        return {}
    table = pd.read_csv(manifest, usecols=["case", "width", "height"], dtype={"case": str})
    sizes = zip(table["width"].tolist(), table["height"].tolist(), strict=True)
    return dict(zip(table["case"].tolist(), sizes, strict=True))
