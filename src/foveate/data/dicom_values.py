"""DICOM's values become 8 bits: the modality's rescale, the VOI table or window, colours (PS3.3 C.7.6.3, C.11).

Grey is made as the standard says: stored values, the modality's rescale (C.11.1), the first VOI table or else the
first window (C.11.2), black for white where the photometric interpretation is MONOCHROME1 (C.7.6.3.1.2). Where
there is neither table nor window, values of 8 bits are taken as they are, CT numbers are seen through `CT_WINDOW`, and
all else, floating point numbers too, through the robust range of the picture's own values (`scaling.robust_range`).
Padding (C.7.5.1.1.2) becomes black and does not count. Values that a supplemental palette is for (C.7.6.19) get its
colours.

The tables are applied here: pydicom 3.0 wraps around in tables of more than 256 entries of 8 bits, turns the window
round where the slope is negative, does not look into functional groups, and inverts within the picture's own range.
Presentation LUT Shape (C.8.11.3.1.2) is not applied: INVERSE only says again what MONOCHROME1 has said.
docs/data.md lists what is honoured, ignored and refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foveate.data import scaling
from foveate.data.dicom_elements import PADDING, number, term, top
from foveate.data.dicom_tables import coloured, look_up, palette_range, table_of
from foveate.data.pixels import UnreadableImageError

if TYPE_CHECKING:
    from pydicom import Dataset

Values = NDArray[Any]
Scaled = tuple[NDArray[np.uint8], str]  # pixels, and by what they were scaled: `Decoded.scaling`
CT_WINDOW = (40.0, 400.0)  # centre and width in Hounsfield units: soft tissue


def colour(stored: Values, facts: Dataset) -> Scaled:
    """Stored colours (H, W, 3) -> 8 bits, by the bits that they are stored in.

    Where those are all bits of a word of 16 or more, nobody has counted them: the bits that are in use decide, as in
    any other file.
    """
    largest = top(facts)
    if largest > 255 and number(facts, "BitsAllocated") == number(facts, "BitsStored"):
        largest = scaling.largest_of_bits(int(stored.max()))
    return scaling.scale(stored, 0, largest), scaling.up_to(largest)


def grey(stored: Values, facts: Dataset, inverted: bool) -> Scaled:
    """Stored values (H, W) -> 8-bit grey, black being 0; (H, W, 3) where some have colours of their own."""
    background, own_colours = _is_padding(stored, facts) | ~np.isfinite(stored), _has_colour(stored, facts)
    finite = np.where(np.isfinite(stored), stored, 0)
    apart = background if own_colours is None else background | own_colours
    pixels, by = _windowed(_rescaled(finite, facts), facts, apart)
    pixels = np.where(background, np.uint8(0), 255 - pixels if inverted else pixels)
    if own_colours is None or not own_colours.any():
        return pixels, by
    return np.where(own_colours[..., None], coloured(stored, facts), pixels[..., None]), by


def _is_padding(stored: Values, facts: Dataset) -> NDArray[np.bool_]:
    """Which values are none, but fill the picture (C.7.5.1.1.2, C.7.6.24)."""
    kind = stored.dtype.kind
    name = f"{PADDING[f'f{stored.dtype.itemsize}' if kind == 'f' else kind]}PixelPadding"
    padding = number(facts, f"{name}Value")
    if padding is None:
        return np.zeros(stored.shape, dtype=np.bool_)
    limit = number(facts, f"{name}RangeLimit")
    limit = padding if limit is None else limit
    # Negative integers are written as unsigned ones in explicit VR, too; in the pixels' words they are the same.
    ends = [np.asarray(end if kind == "f" else int(end)).astype(stored.dtype) for end in (padding, limit)]
    return (stored >= min(ends)) & (stored <= max(ends))


def _has_colour(stored: Values, facts: Dataset) -> NDArray[np.bool_] | None:
    """Which values a supplemental palette is for (C.7.6.19), None where there is none."""
    if not term(facts, "PixelPresentation", {"COLOR", "MIXED"}) or stored.dtype.kind == "f":
        return None
    if "RedPaletteColorLookupTableDescriptor" not in facts:
        return None
    return np.asarray(stored >= palette_range(facts)[0])


def _rescaled(stored: Values, facts: Dataset) -> Values:
    """Stored values -> what they measure: the modality's table, or slope and intercept (C.11.1)."""
    table = table_of(facts, "ModalityLUTSequence")
    if table is not None:
        return look_up(stored, facts, table)[0].astype(np.float64)
    slope, intercept = _rescale(facts)
    if slope == 0:
        raise UnreadableImageError("has a Rescale Slope of 0: all its values would be the same")
    return stored.astype(np.float64) * slope + intercept


def _rescale(facts: Dataset) -> tuple[float, float]:
    slope, intercept = number(facts, "RescaleSlope"), number(facts, "RescaleIntercept")
    return 1 if slope is None else slope, intercept or 0


def _windowed(values: Values, facts: Dataset, background: NDArray[np.bool_]) -> Scaled:
    """Rescaled values -> 8 bits by the first that the file has: VOI table, window, what its kind of values suggests."""
    table = table_of(facts, "VOILUTSequence")
    if table is not None:
        lit, largest = look_up(values, facts, table)
        return scaling.scale(lit, 0, largest), scaling.BY_TABLE
    centre, width = number(facts, "WindowCenter"), number(facts, "WindowWidth")
    function = term(facts, "VOILUTFunction", {"LINEAR_EXACT", "SIGMOID"}) or "LINEAR"
    # A width that the standard forbids stands in files all the same; it counts as no window.
    if centre is not None and width is not None and (width >= 1 or (width > 0 and function != "LINEAR")):
        return scaling.scale(window(values, centre, width, function), 0, 1), scaling.BY_WINDOW
    if _is_display(facts):
        return scaling.scale(values, 0, top(facts)), scaling.up_to(top(facts))
    if _is_hounsfield(facts):
        return scaling.scale(window(values, *CT_WINDOW), 0, 1), scaling.BY_CT_WINDOW
    low, high = scaling.robust_range(values if background.all() else values[~background])
    return scaling.scale(values, low, high), scaling.OF_IMAGE


def _is_display(facts: Dataset) -> bool:
    """Whether values are what is to be shown: up to 8 bits, unsigned, and no measurements."""
    stored = number(facts, "BitsStored")  # which floating point numbers do not have
    whole = stored is not None and stored <= 8 and not number(facts, "PixelRepresentation")
    return whole and _rescale(facts) == (1, 0) and table_of(facts, "ModalityLUTSequence") is None


def _is_hounsfield(facts: Dataset) -> bool:
    """Whether a CT's values were made Hounsfield units; without a type they are (C.8.2.1.1.2), others are measured in
    energies, atomic numbers and the like."""
    unit = str(facts.get("RescaleType") or "HU").strip().upper()
    rescaled = number(facts, "RescaleSlope") is not None and number(facts, "RescaleIntercept") is not None
    return rescaled and unit in ("HU", "HU_MOD") and term(facts, "Modality", {"CT"}) == "CT"


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
