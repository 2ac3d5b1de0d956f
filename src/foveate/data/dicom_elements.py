"""Elements of a DICOM header: the few that are ever read, and what they hold as numbers and words of the standard."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from foveate.data.pixels import UnreadableImageError

if TYPE_CHECKING:
    from pydicom import Dataset

P = ParamSpec("P")
T = TypeVar("T")

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
# Functional groups of enhanced, multi-frame objects (C.7.6.16) that hold what other objects hold at the top.
_GROUPS = [
    "PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence", "PlanePositionSequence",
    "PlaneOrientationSequence",
]
# All that is ever read of a header: pydicom skips the rest, so that it cannot complain of it either.
WANTED: list[str] = [
    "PatientID", "SeriesInstanceUID", "InstanceNumber", "Modality", "BurnedInAnnotation", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing", "NumberOfFrames", "Rows", "Columns", "BitsStored",
    "PhotometricInterpretation", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope",
    "RescaleIntercept", "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in COLOURS),
    *(f"{kind}{colour}PaletteColorLookupTableData" for kind in ("", "Segmented") for colour in COLOURS),
]
# fmt: on


def sealed(function: Callable[P, T]) -> Callable[P, T]:
    """Let no error out but our own: pydicom's quote the header, and so would the chain of errors behind ours."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except UnreadableImageError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - nobody can list what a damaged header raises
            reason = _reason(error)
        raise UnreadableImageError(reason)

    return wrapped


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return "is not DICOM, or encrypted" if type(error).__name__ == "InvalidDicomError" else "is damaged or cut off"


def read_header(path: Path) -> Dataset:
    """The wanted part of a header, without pixels."""
    try:
        import pydicom
    except ImportError:
        raise UnreadableImageError("is DICOM, which needs pip install 'foveate[dicom]'") from None
    # For good and for the whole process: what pydicom warns of and logs quotes the header, so it must reach nobody.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"pydicom\.")
    facts = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=WANTED)
    if "Rows" not in facts or "Columns" not in facts:
        raise UnreadableImageError("is DICOM, but holds no picture")
    return facts


def of_frame(facts: Dataset, frame: int) -> Dataset:
    """The header with the functional groups of a picture, the shared and its own, laid over it (C.7.6.16)."""
    from pydicom import Dataset

    own = Dataset()
    own.file_meta = facts.file_meta
    own.update(facts)
    for name, place in (("Shared", 0), ("PerFrame", frame)):
        groups = facts.get(f"{name}FunctionalGroupsSequence") or []
        for group in groups[place : place + 1]:
            for kind in _GROUPS:
                for item in (group.get(kind) or [])[:1]:
                    own.update(item)
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
