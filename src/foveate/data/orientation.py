"""Which way up a picture is, as its EXIF tag says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

UPRIGHT = 1


def orientation_of(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where it is missing or no such number, or where the tags cannot be read.

    Anybody writes EXIF, and any way; the pixels do not depend on it.
    """
    try:
        stored = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception:  # noqa: BLE001 - nobody can list what damaged tags raise; they lie in memory: no disk is at fault
        return UPRIGHT
    return known(stored)


def known(stored: object) -> int:
    """An orientation tag's value where it is one of the eight there are, else UPRIGHT."""
    return stored if isinstance(stored, int) and 1 <= stored <= 8 else UPRIGHT


def swaps_sides(orientation: int) -> bool:
    """Whether width and height are swapped to see the picture upright."""
    return orientation >= 5


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(H, W, ...) as stored -> (H, W, ...) or (W, H, ...) upright (EXIF 2.32, 4.6.5, tag 274)."""
    if swaps_sides(orientation):
        pixels = pixels.swapaxes(0, 1)  # 5: row 0 is the left side, column 0 the top
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
