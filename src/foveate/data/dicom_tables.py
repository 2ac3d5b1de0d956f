"""Look-up tables of DICOM: of the modality, for display, palettes (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5 and .6, C.7.9).

A table's descriptor says how many entries it has, the value that the first is for, and the bits of an entry. The last
is not always true: writers give 16, the bits of the word, for entries that hold 12 (so do viewers read it), and pack 8
in words of 16. So 16 is taken for what the entries need, 8 at least, and any other number for what it says, unless the
entries need more. A table of 16 bits that stays in the darker half on purpose is made twice as bright by this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foveate.data import scaling
from foveate.data.dicom_elements import COLOURS, number, numbers
from foveate.data.pixels import UnreadableImageError

if TYPE_CHECKING:
    from pydicom import Dataset

Values = NDArray[Any]
_WORD = 16  # bits


def table_of(facts: Dataset, name: str) -> Dataset | None:
    """The first table of a sequence, or None where it is absent or empty and says nothing."""
    for item in (facts.get(name) or [])[:1]:
        if numbers(item, "LUTDescriptor", 3) and item.get("LUTData") is not None:
            found: Dataset = item
            return found
    return None


def look_up(values: Values, facts: Dataset, table: Dataset) -> tuple[Values, int]:
    """Values of any shape through a table of the modality or for display: entries, and the one that means white."""
    descriptor = numbers(table, "LUTDescriptor", 3) or ()
    first = _signed(int(descriptor[1]), bool(values.min() < 0))
    entries = _entries(facts, descriptor[0], table.LUTData)
    return _at(entries, values, first), largest(entries, int(descriptor[2]))


def largest(entries: Values, bits: int) -> int:
    """The entry that means white."""
    return scaling.largest_of_bits(int(entries.max()), 8 if bits >= _WORD else bits)


def coloured(stored: Values, facts: Dataset) -> NDArray[np.uint8]:
    """Indices (H, W) through their palette (C.7.6.3.1.5, C.7.9) -> (H, W, 3)."""
    first, bits = palette_range(facts)
    entries = _palette(facts)
    return scaling.scale(_at(entries, stored, first), 0, largest(entries, bits))


def palette_range(facts: Dataset) -> tuple[int, int]:
    """The value that the first colour is for, and the bits of an entry. Raises UnreadableImageError without palette."""
    descriptors = [numbers(facts, f"{colour}PaletteColorLookupTableDescriptor", 3) for colour in COLOURS]
    red = descriptors[0]
    if red is None or any(own is None or own[:2] != red[:2] for own in descriptors):
        raise UnreadableImageError("has a palette that cannot be read")
    return _signed(int(red[1]), bool(number(facts, "PixelRepresentation"))), int(red[2])


def _palette(facts: Dataset) -> Values:
    """(entries, 3)."""
    if "SegmentedRedPaletteColorLookupTableData" in facts:
        return _expanded(facts)
    planes = []
    for colour in COLOURS:
        descriptor, data = (facts.get(f"{colour}PaletteColorLookupTable{end}") for end in ("Descriptor", "Data"))
        planes.append(_entries(facts, descriptor[0], data))
    return np.stack(planes, axis=-1)


def _expanded(facts: Dataset) -> Values:
    """A palette that is written in segments (C.7.9.2)."""
    from pydicom.pixels.processing import apply_color_lut

    entries, first, bits = facts.RedPaletteColorLookupTableDescriptor
    if bits == 8 and not 0 < entries <= 256:
        raise UnreadableImageError("has a palette that cannot be read")  # pydicom would wrap around
    return np.asarray(apply_color_lut(first + np.arange(entries or 2**16), facts)[..., :3])


def _entries(facts: Dataset, count: float, data: Any) -> Values:
    """The entries of a table, of 8 or 16 bits: the length of the data tells which (C.7.6.3.1.6)."""
    number_of = int(count) % 2**16 or 2**16
    order = "<" if facts.file_meta.TransferSyntaxUID.is_little_endian else ">"
    raw = data if isinstance(data, bytes) else np.atleast_1d(data).astype(f"{order}u2").tobytes()
    words = np.frombuffer(raw[: len(raw) // 2 * 2], f"{order}u2")
    if len(raw) >= 2 * number_of:
        return words[:number_of]
    if len(raw) not in (number_of, number_of + 1):
        raise UnreadableImageError("has a table of values that is cut off")
    return np.frombuffer(words.astype("<u2").tobytes() + raw[len(raw) // 2 * 2 :], np.uint8)[:number_of]


def _signed(first: int, signed: bool) -> int:
    """The value that a table begins with: negative ones are written as US in explicit VR, too."""
    return first - 2**16 if signed and first >= 2**15 else first


def _at(entries: Values, values: Values, first: int) -> Values:
    """Below and above the table, its first and its last entry (C.11.1.1)."""
    numbers = np.rint(values) if values.dtype.kind == "f" else values.astype(np.int64)
    return np.asarray(entries[np.clip(numbers - first, 0, len(entries) - 1).astype(np.int64)])
