"""A DICOM file is opened: its beginning, its header as far as it is wanted, and the place where its pixels begin.

Files are read as pydicom's `dcmread` reads them, in the VR that they are written in, whatever their transfer syntax
says, and without the preamble and the file meta information where they lack them: of pixels that are not compressed,
the elements themselves show how they are written.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ParamSpec, TypeVar

from foveate.data.dicom_elements import WANTED
from foveate.data.pixels import UnreachableImageError, UnreadableImageError, fault

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

P = ParamSpec("P")
T = TypeVar("T")

UNDEFINED = 0xFFFFFFFF  # the length of what ends with a delimiter
_BEGINNING = 132  # bytes: the preamble and DICM (PS3.10, 7.1)
_PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
# The elements that a data set begins with, of the groups 2 and 8, and their VR.
_FIRST = {
    2: {0x00: b"UL", 0x01: b"OB", 0x02: b"UI"},
    8: {0x00: b"UL", 0x05: b"CS", 0x08: b"CS", 0x12: b"DA", 0x13: b"TM", 0x14: b"UI", 0x16: b"UI", 0x18: b"UI"},
}
_TEXT = re.compile(rb"[A-Z0-9_ .\\]+\0?")  # what is written in CS, DA, TM and UI


@dataclass(frozen=True)
class Opened:
    """A DICOM file whose header is read; the file stands where its pixels begin."""

    file: BinaryIO
    facts: Dataset
    keyword: str  # PixelData, FloatPixelData, DoubleFloatPixelData; "" where there are none, or all is deflated
    vr: str  # of the pixels, "" where the file does not say
    length: int  # bytes of the pixels, or UNDEFINED


def is_dicom(path: Path) -> bool:
    """Whether a file begins with 128 bytes of anything and DICM (PS3.10, 7.1), or at once with the first element of a
    header; of one that cannot be read at the moment nobody knows, so that decoding it says why."""
    try:
        with path.open("rb") as file:
            start = file.read(_BEGINNING)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
        return False
    except OSError:
        return True
    return start[128:] == b"DICM" or begins_bare(start)


def begins_bare(start: bytes) -> bool:
    """Whether a file's first bytes are those of a header without preamble: an element that headers begin with, its
    VR, which must be the right one, or its length, and a value such as it has."""
    return any(_is_first(start, order) for order in "<>") or _is_first_implicit(start)


def _is_first(start: bytes, order: str) -> bool:
    if len(start) < 8:
        return False
    group, element, vr = struct.unpack_from(f"{order}HH2s", start)
    return vr == _FIRST.get(group, {}).get(element, b"none") and (order == "<" or group == 8)


def _is_first_implicit(start: bytes) -> bool:
    if len(start) < 16:
        return False
    group, element, length = struct.unpack_from("<HHI", start)
    if group != 8 or element not in _FIRST[8]:
        return False
    if element == 0:
        return length == 4 and start[12:14] == b"\x08\0"
    return 0 < length <= 64 and _TEXT.fullmatch(start[8 : 8 + length]) is not None


def sealed(function: Callable[P, T]) -> Callable[P, T]:
    """Let no error out but our own: pydicom's quote the header, and so would the chain of errors behind ours."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - nobody can list what a damaged header raises
            reason = _reason(error)
        raise reason

    return wrapped


def _reason(error: Exception) -> UnreadableImageError:
    if isinstance(error, UnreachableImageError):
        return error
    if isinstance(error, UnreadableImageError):
        return UnreadableImageError(str(error))  # without the errors that led to it
    return fault(error, "is damaged or cut off")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """The wanted part of a header, read, and the file, which stands at the pixels."""
    try:
        import pydicom
    except ImportError:
        raise UnreadableImageError("is DICOM, which needs pip install 'foveate[dicom]'") from None
    # For good and for the whole process: what pydicom warns of and logs quotes the header, so it must reach nobody.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"pydicom\.")
    with path.open("rb") as file:
        start = file.read(_BEGINNING)
        if start[128:] != b"DICM" and not begins_bare(start):
            raise UnreadableImageError("is not DICOM, or encrypted: it lacks the preamble and DICM that begin a file")
        file.seek(0)
        facts = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=WANTED, force=True)
        if "Rows" not in facts or "Columns" not in facts:
            raise UnreadableImageError("is DICOM, but holds no picture")
        raw = facts.get_item("Rows")
        if not facts.file_meta.get("TransferSyntaxUID"):
            facts.file_meta.TransferSyntaxUID = _syntax(raw)
        yield Opened(file, facts, *_pixel_element(file, raw))


def read_header(path: Path) -> Dataset:
    """The wanted part of a header, without pixels."""
    with opened(path) as found:
        return found.facts


def _syntax(raw: Any) -> UID:
    """How an element is written, which is all that there is to know of a data set that is not compressed."""
    from pydicom import uid

    if not raw.is_little_endian:
        return uid.ExplicitVRBigEndian
    return uid.ImplicitVRLittleEndian if raw.is_implicit_VR else uid.ExplicitVRLittleEndian


def _pixel_element(file: BinaryIO, raw: Any) -> tuple[str, str, int]:
    """Keyword, VR and length of the element that the file stands at, which then stands at its value.

    `raw` is an element of the same header: whether it names its VR is how the file is written, not what it says.
    """
    start, head = file.tell(), file.read(12)
    if len(head) < 8:
        return "", "", 0
    order = "<" if raw.is_little_endian else ">"
    group, element = struct.unpack_from(f"{order}HH", head)
    # Single elements without VR stand in explicit data sets, too.
    explicit = not raw.is_implicit_VR and head[4:6].isalpha() and head[4:6].isupper()
    if not explicit:
        file.seek(start + 8)
    (length,) = struct.unpack_from(f"{order}I", head, 8 if explicit else 4)
    return _PIXELS.get(group << 16 | element, ""), head[4:6].decode("ascii") if explicit else "", length
