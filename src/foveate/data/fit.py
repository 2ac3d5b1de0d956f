"""How an image becomes the square that a network sees, and where it lies on that square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps


def square(pixels: NDArray[np.uint8], side: int, fit: str) -> NDArray[np.uint8]:
    """Bring (H, W[, 3]) to (side, side[, 3]), antialiased (bilinear over the area that a pixel covers).

    fit: "stretch" changes the aspect ratio; "pad" keeps it and fills with black; "crop" keeps it and cuts the
    longer side off evenly.
    """
    image = Image.fromarray(pixels)
    if fit == "pad":
        place = on_square(image.width, image.height, side, fit)
        whole = image.resize((int(place.width), int(place.height)), Image.Resampling.BILINEAR)
        image = Image.new(image.mode, (side, side))
        image.paste(whole, (int(place.left), int(place.top)))
    elif fit == "crop":
        image = ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)
    else:
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image)


@dataclass(frozen=True)
class OnSquare:
    """Where a whole image lies on its square, in the square's pixels; what was cropped lies beyond the edges."""

    left: float
    top: float
    width: float
    height: float


def on_square(width: int, height: int, side: int, fit: str) -> OnSquare:
    """Where `square(image, side, fit)` puts an image of width x height pixels."""
    if fit == "pad":  # in whole pixels, one at least
        across = side if width >= height else max(1, round(width / height * side))
        down = side if height >= width else max(1, round(height / width * side))
        return OnSquare(round((side - across) * 0.5), round((side - down) * 0.5), across, down)
    if fit == "crop":
        scale = side / min(width, height)
        return OnSquare((side - scale * width) / 2, (side - scale * height) / 2, scale * width, scale * height)
    return OnSquare(0, 0, side, side)
