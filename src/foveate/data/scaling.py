"""How stored numbers become 0..255: one rule for all formats, for one channel as for three.

1. Where the file says what is black and white (a DICOM window, table or palette, the maxval of PNM), as it says.
2. Whole numbers of up to 8 bits: as stored.
3. Whole numbers of 9 to 16 bits in a picture file, also where they are stored as floats: white is the largest number
   of the bits in use, of all channels together (0..4095 counts as 12 bits, 0..100 as 8).
4. Fractions in a picture file from 0 to 1, give or take a tenth, by which resampling overshoots: 0..1, cut off.
5. All other numbers are measurements (negative, fractions beyond 1 or far below, more than 16 bits, NIfTI, DICOM
   without a window): the robust range of the picture, or of the volume.

`Decoded.scaling` says which it was, in the words below or as 0..<white>.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.data.pixels import AS_STORED, UnreadableImageError

UNIT = "0..1"
OF_IMAGE = "percentiles of the image"
OF_VOLUME = "percentiles of the volume"
OVERSHOOT = 0.1  # by which fractions may leave 0..1
FAINT = 1 / 16  # fractions that stay below are no shares of white: they would be black
_MOST = 2**16 - 1

# What `Decoded.scaling` says of files that tell, or do not tell, how they want to be shown; beside `pixels.AS_STORED`.
BY_WINDOW = "window of the file"
BY_TABLE = "table of the file"
BY_PALETTE = "palette of the file"
BY_CT_WINDOW = "CT window 40/400"


def to_8_bits(values: NDArray[Any], white_is_zero: bool = False) -> tuple[NDArray[np.uint8], str]:
    """The numbers of a picture file, (H, W) or (H, W, 3), by rules 2 to 5 -> the same shape, and the rule in words.

    What is undefined becomes black, infinities black and white; they do not count. Raises UnreadableImageError where no
    value is defined.
    """
    if values.dtype == np.float16:
        values = values.astype(np.float32)  # in which differences do not overflow
    if values.dtype == np.uint8:
        pixels, said = values, AS_STORED
    else:
        white = white_of(values)
        low, high = robust_range(values) if white is None else (0.0, float(white))
        pixels = scale(values, low, high)
        said = OF_IMAGE if white is None else up_to(white)
    if white_is_zero:
        pixels = np.where(np.isnan(values), 0, 255 - pixels).astype(np.uint8)
    return pixels, said


def up_to(white: int) -> str:
    """The words for numbers of which 0 is black and this one white."""
    return AS_STORED if white == 255 else f"0..{white}"


def white_of(values: NDArray[Any]) -> int | None:
    """The number that is white among the numbers of a picture file, by rules 3 and 4; None for measurements."""
    fractions = values.dtype.kind == "f"
    defined = values[np.isfinite(values)] if fractions else values
    if not defined.size:
        return None
    low, high = defined.min(), defined.max()
    if fractions and low >= -OVERSHOOT and (FAINT <= high <= 1 + OVERSHOOT or low == high == 0):
        return 1
    if low < 0 or high > _MOST or (fractions and (defined != np.floor(defined)).any()):
        return None
    return largest_of_bits(int(high))


def largest_of_bits(highest: int, at_least: int = 8) -> int:
    """The largest number of the bits that a number needs, or of so many bits at least: 4095 for 3000."""
    return int(2 ** max(at_least, highest.bit_length()) - 1)


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
    with np.errstate(over="ignore", invalid="ignore"):  # between numbers of 300 digits
        low, high = np.nan_to_num(np.percentile(above, (0.5, 99.5)))
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
