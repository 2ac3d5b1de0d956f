"""How stored numbers become 0..255: the one rule of all formats, and its name in a word or two."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.data.pixels import UnreadableImageError

# What `Decoded.scaling` says of files that tell, or do not tell, how they want to be shown; beside `pixels.AS_STORED`.
BY_WINDOW = "window of the file"
BY_TABLE = "table of the file"
BY_PALETTE = "palette of the file"
BY_CT_WINDOW = "CT window 40/400"
BY_PERCENTILES = "percentiles of the image"


def to_8_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all() or numbers.min() < 0:
        raise UnreadableImageError("holds negative or undefined values, 8- or 16-bit grey is needed")
    if values.dtype.kind == "f" and numbers.max() <= 1:
        top = 1.0
    else:
        top = 2.0 ** max(8, math.ceil(math.log2(numbers.max() + 1))) - 1
    return np.round(numbers * (255 / top)).astype(np.uint8)


def robust_range(values: NDArray[Any]) -> tuple[float, float]:
    """The values that black and white stand for where a file does not say: (low, high) of an array of any shape.

    The 0.5th and the 99.5th percentile of what is above the smallest value, which is taken for the background: half of
    an MRI slice is air, and would else decide. Undefined values do not count. Where all that is above the background
    is equal, as in a mask, low is the background. Raises UnreadableImageError where no value is defined.
    """
    defined = values[np.isfinite(values)]
    if not defined.size:
        raise UnreadableImageError("holds no defined values")
    lowest = defined.min()
    above = defined[defined > lowest]
    if not above.size:
        return float(lowest), float(lowest)
    low, high = np.percentile(above, (0.5, 99.5))
    return float(low if low < high else lowest), float(high)


def scale(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Values of any shape -> 0..255 linearly from low to high, what is outside or undefined is cut off (NaN to 0)."""
    if not high > low:
        return np.zeros(values.shape, dtype=np.uint8)
    unit: NDArray[Any] = values.astype(np.float32 if values.dtype == np.float32 else np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        unit -= low  # in place, since an image of 14 million pixels takes 110 MB here
        unit /= high - low
    np.nan_to_num(np.clip(unit, 0, 1, out=unit), copy=False)
    unit *= 255
    return np.asarray(np.rint(unit, out=unit), dtype=np.uint8)
