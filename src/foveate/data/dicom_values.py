"""DICOM's values become 8 bits: the modality's rescale, the VOI table or window, palettes (PS3.3 C.7.6.3, C.11).

Grey is made as the standard says: stored values, the modality's rescale (C.11.1), the first VOI table or else the
first window (C.11.2), black for white where the photometric interpretation is MONOCHROME1 (C.7.6.3.1.2). Where
there is neither table nor window, values of 8 bits are taken as they are, CT numbers are seen through `CT_WINDOW`, and
all else through the robust range of the picture's own values (`scaling.robust_range`). Padding (C.7.5.1.1.2) becomes
black and does not count.

The tables are applied here: pydicom 3.0 wraps around in tables of more than 256 entries of 8 bits, turns the window
round where the slope is negative, does not look into functional groups, and inverts within the picture's own range.
Presentation LUT Shape (C.8.11.3.1.2) is not applied: INVERSE only says again what MONOCHROME1 has said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foveate.data import scaling
from foveate.data.dicom_elements import COLOURS, number, numbers, term, top
from foveate.data.pixels import UnreadableImageError

if TYPE_CHECKING:
    from pydicom import Dataset

Values = NDArray[Any]
CT_WINDOW = (40.0, 400.0)  # centre and width in Hounsfield units: soft tissue


def _look_up(values: Values, facts: Dataset, descriptor: Any, data: Any) -> tuple[Values, int]:
    """Values of any shape through a table (C.11.1.1, C.7.6.3.1.5): entries of 8 or 16 bits, and the largest possible.

    The descriptor is the number of entries, the value that the first entry is for, and the bits of an entry.
    """
    entries, first, bits = (int(entry) for entry in descriptor)
    entries = entries or 2**16
    order = "<" if facts.file_meta.TransferSyntaxUID.is_little_endian else ">"
    raw = data if isinstance(data, bytes) else np.atleast_1d(data).astype(f"{order}u2").tobytes()
    table = np.frombuffer(raw, np.uint8 if len(raw) < 2 * entries else f"{order}u2")
    places = np.clip(np.rint(values).astype(np.int64) - first, 0, entries - 1)
    return table[places], 2**bits - 1


def coloured(stored: Values, facts: Dataset) -> NDArray[np.uint8]:
    """Indices (H, W) through their palette (C.7.6.3.1.5, C.7.9) -> (H, W, 3)."""
    from pydicom.pixels.processing import apply_color_lut

    descriptors = [facts[f"{colour}PaletteColorLookupTableDescriptor"].value for colour in COLOURS]
    if "SegmentedRedPaletteColorLookupTableData" in facts:
        entries, _, bits = descriptors[0]
        if bits == 8 and not 0 < entries <= 256:
            raise UnreadableImageError("has a palette that cannot be read")  # pydicom would wrap around
        return scaling.scale(apply_color_lut(stored, facts)[..., :3], 0, 2**bits - 1)
    tables = [facts[f"{colour}PaletteColorLookupTableData"].value for colour in COLOURS]
    planes = [_look_up(stored, facts, *table) for table in zip(descriptors, tables, strict=True)]
    return np.stack([scaling.scale(plane, 0, largest) for plane, largest in planes], axis=-1)


def grey(stored: Values, facts: Dataset, inverted: bool) -> NDArray[np.uint8]:
    """Stored values (H, W) -> 8-bit grey, black being 0."""
    padding = numbers(facts, "PixelPaddingValue", 1) or ()
    background = ~np.isfinite(stored)
    if padding:
        low, high = sorted((*padding, *(numbers(facts, "PixelPaddingRangeLimit", 1) or padding)))
        background |= (stored >= low) & (stored <= high)
    finite = np.where(np.isfinite(stored), stored, 0)
    pixels = _windowed(_rescaled(finite, facts), facts, background)
    return np.where(background, np.uint8(0), 255 - pixels if inverted else pixels)


def _rescaled(stored: Values, facts: Dataset) -> Values:
    """Stored values -> what they measure: the modality's table, or slope and intercept (C.11.1)."""
    for table in (facts.get("ModalityLUTSequence") or [])[:1]:
        return _look_up(stored, facts, table.LUTDescriptor, table.LUTData)[0].astype(np.float64)
    slope, intercept = number(facts, "RescaleSlope"), number(facts, "RescaleIntercept")
    return stored.astype(np.float64) * (1 if slope is None else slope) + (intercept or 0)


def _windowed(values: Values, facts: Dataset, background: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Rescaled values -> 8 bits by the first that the file has: VOI table, window, what its kind of values suggests."""
    for table in (facts.get("VOILUTSequence") or [])[:1]:
        lit, largest = _look_up(values, facts, table.LUTDescriptor, table.LUTData)
        return scaling.scale(lit, 0, largest)
    centre, width = number(facts, "WindowCenter"), number(facts, "WindowWidth")
    function = term(facts, "VOILUTFunction", {"LINEAR_EXACT", "SIGMOID"}) or "LINEAR"
    # A width that the standard forbids stands in files all the same; it counts as no window.
    if centre is not None and width is not None and (width >= 1 or (width > 0 and function != "LINEAR")):
        return scaling.scale(window(values, centre, width, function), 0, 1)
    rescale = (number(facts, "RescaleSlope"), number(facts, "RescaleIntercept"))
    as_stored = rescale in ((None, None), (1, 0)) and not facts.get("ModalityLUTSequence")
    if as_stored and top(facts) <= 255 and not number(facts, "PixelRepresentation"):
        return scaling.scale(values, 0, top(facts))
    if None not in rescale and term(facts, "Modality", {"CT"}):
        return scaling.scale(window(values, *CT_WINDOW), 0, 1)
    return scaling.scale(values, *scaling.robust_range(values if background.all() else values[~background]))


def window(values: Values, centre: float, width: float, function: str = "LINEAR") -> NDArray[np.float64]:
    """Values of any shape -> 0..1 as C.11.2.1.2 (LINEAR) and C.11.2.1.3 (SIGMOID, LINEAR_EXACT) define.

    The width must be at least 1 for LINEAR and above 0 for the others.
    """
    given = np.asarray(values, dtype=np.float64)
    if function == "SIGMOID":
        # 1 / (1 + exp(-4 z)) in a form that does not overflow
        return np.asarray((1 + np.tanh(2 * (given - centre) / width)) / 2)
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
        if width == 0:
            return np.where(given > centre, 1.0, 0.0)
    unit = given - centre  # and on in place: a mammogram has 14 million pixels, and several are decoded at once
    unit /= width
    unit += 0.5
    return np.clip(unit, 0, 1, out=unit)
