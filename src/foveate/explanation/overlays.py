"""A heat-map laid over its image: inferno's colours, as opaque as the value is high; and the lesion's border."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

INFERNO = np.rint(mpl.colormaps["inferno"](np.arange(256))[:, :3] * 255).astype(np.uint8)  # (256, 3) value -> RGB
CONTOUR = "#00e5ff"  # far from every colour of inferno, from grey and from skin


def overlay(image: NDArray[np.uint8], heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A heat-map laid over its image: (H, W, 3) uint8 and (H, W) in [0, 1] -> (H, W, 3) uint8.

    The colour is inferno's and as opaque as the value is high: 0 leaves the image as it is, 1 hides it. The
    values are shown as they are, neither squared nor stretched. Raises ValueError for other shapes or ranges.
    """
    if image.shape != (*heat.shape, 3):
        raise ValueError(f"an image of shape {image.shape} cannot carry a heat-map of shape {heat.shape}")
    if heat.size and not (heat.min() >= 0 and heat.max() <= 1):
        raise ValueError("a heat-map's values lie between 0 and 1")
    opacity = np.asarray(heat, dtype=np.float64)[..., None]
    colours = INFERNO[np.rint(heat * 255).astype(int)]
    blend: NDArray[np.uint8] = np.rint(image * (1 - opacity) + colours * opacity).astype(np.uint8)
    return blend


def on_white(value: float) -> tuple[int, int, int]:
    """The colour of a heat-map's value over white, for a scale: 0 -> (255, 255, 255)."""
    red, green, blue = overlay(np.full((1, 1, 3), 255, dtype=np.uint8), np.full((1, 1), value))[0, 0].tolist()
    return red, green, blue


def greyed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in faint grey, as a blank heat-map is shown: (H, W, 3) -> (H, W, 3)."""
    luma = image @ np.array([0.299, 0.587, 0.114])
    return np.repeat(np.rint(110 + 0.4 * luma).astype(np.uint8)[..., None], 3, axis=2)


def lesion_contour(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The border of a mask: (H, W) -> (n, 2, 2), (x, y) ends of segments; pixel centres are whole numbers."""
    padded = np.pad(np.asarray(mask, dtype=bool), 1)
    rows, columns = np.nonzero(padded[1:] != padded[:-1])  # borders between a pixel and the one below it
    level = np.stack([columns - 1.5, rows - 0.5, columns - 0.5, rows - 0.5], axis=-1)
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])
    upright = np.stack([columns - 0.5, rows - 1.5, columns - 0.5, rows - 0.5], axis=-1)
    return np.concatenate([level, upright]).reshape(-1, 2, 2)
