"""Elements of a DICOM header: the few that are ever read, and what they hold as numbers and words of the standard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset

# The words of a header that may be shown: terms of the standard, never what else a file may have in their place.
GREY = frozenset(["MONOCHROME1", "MONOCHROME2"])
COLOUR = frozenset(["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"])
PALETTE = "PALETTE COLOR"
# fmt: off
MODALITIES = frozenset([  # C.7.3.1.1.1, those that make pictures
    "BDUS", "BI", "BMD", "CR", "CT", "DG", "DMS", "DX", "ECG", "ES", "GM", "HC", "IO", "IVOCT", "IVUS", "LS", "MG",
    "MR", "NM", "OAM", "OCT", "OP", "OPM", "OPT", "OPTBSV", "OPTENF", "OPV", "OT", "PT", "PX", "RF", "RG", "RTDOSE",
    "RTIMAGE", "SEG", "SM", "SRF", "TG", "US", "VA", "XA", "XC",
])
COLOURS = ("Red", "Green", "Blue")
PADDING = {"i": "", "u": "", "f4": "Float", "f8": "DoubleFloat"}  # C.7.5.1.1.2, C.7.6.24: by the kind of the pixels
# Functional groups of enhanced, multi-frame objects (C.7.6.16) that hold what other objects hold at the top.
_GROUPS = [
    "PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence", "PlanePositionSequence",
    "PlaneOrientationSequence",
]
# All that is ever read of a header: pydicom skips the rest, so that it cannot complain of it either.
WANTED: list[str] = [
    "PatientID", "SeriesInstanceUID", "InstanceNumber", "Modality", "BurnedInAnnotation", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing", "NumberOfFrames", "Rows", "Columns",
    "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PhotometricInterpretation",
    "PixelRepresentation", "PixelPresentation", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    *(f"{kind}PixelPadding{end}" for kind in PADDING.values() for end in ("Value", "RangeLimit")),
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in COLOURS),
    *(f"{kind}{colour}PaletteColorLookupTableData" for kind in ("", "Segmented") for colour in COLOURS),
]
# fmt: on


def of_frame(facts: Dataset, frame: int) -> Dataset:
    """The header with the functional groups of a picture, the shared and its own, laid over it (C.7.6.16).

    An element that is empty there says nothing, and leaves what stands below it.
    """
    from pydicom import Dataset

    own = Dataset()
    own.file_meta = facts.file_meta
    own.update(facts)
    for name, place in (("Shared", 0), ("PerFrame", frame)):
        groups = facts.get(f"{name}FunctionalGroupsSequence") or []
        for group in groups[place : place + 1]:
            for kind in _GROUPS:
                for item in (group.get(kind) or [])[:1]:
                    own.update({element.tag: element for element in item if not element.is_empty})
    return own


def count_frames(facts: Dataset) -> int:
    return max(1, int(number(facts, "NumberOfFrames") or 1))


def top(facts: Dataset) -> int:
    return int(2 ** (number(facts, "BitsStored") or 8) - 1)


def numbers(facts: Dataset, name: str, count: int) -> tuple[float, ...] | None:
    """The first `count` values of an element, or None where it is absent, empty, or holds something else."""
    try:
        values = np.atleast_1d(np.asarray(facts.get(name), dtype=np.float64))[:count]
    except (ArithmeticError, TypeError, ValueError):
        return None
    return tuple(values.tolist()) if values.size == count and np.isfinite(values).all() else None


def number(facts: Dataset, name: str) -> float | None:
    values = numbers(facts, name, 1)
    return values[0] if values else None


def term(facts: Dataset, name: str, known: Iterable[str]) -> str:
    """A coded word, or "" where it is none that is known."""
    word = str(facts.get(name) or "").strip().upper()
    return word if word in known else ""


def identifier(facts: Dataset, name: str) -> str:
    """An identifier as it stands in the file: reading it as a value would check it, and the complaint quote it."""
    element = facts.get_item(name)
    value = element.value if element else None
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value or "")
