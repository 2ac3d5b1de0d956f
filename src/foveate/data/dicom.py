"""A DICOM file becomes pixels like any other image file; of its header only what names nobody comes along.

Rows and columns stay as stored: so the file wants to be shown. How values become grey stands in `dicom_values`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foveate.data import scaling
from foveate.data.dicom_elements import (
    COLOUR,
    GREY,
    MODALITIES,
    PALETTE,
    count_frames,
    identifier,
    number,
    numbers,
    of_frame,
    read_header,
    sealed,
    term,
    top,
)
from foveate.data.dicom_values import coloured, grey
from foveate.data.pixels import (
    Decoded,
    UnreadableImageError,
    check_size,
    choose_frame,
    may_pass,
    without_equal_channels,
)

if TYPE_CHECKING:
    from pydicom import Dataset

Values = NDArray[Any]


@dataclass(frozen=True)
class Header:
    """What is known of a picture beside its pixels: no name, no date, no place, no identifier that can be read."""

    patient: str  # `patient_hash` of the Patient ID, "" where the file has none
    series: str  # the same of the Series Instance UID
    instance: int | None  # Instance Number
    position: float | None  # mm along the normal of the slice
    spacing: tuple[float, float] | None  # mm from row to row and from column to column
    photometric: str  # "" where it is no term that is known here
    modality: str  # "" where it is none of MODALITIES
    burned_in: bool | None  # whether texts are burned into the pixels; None where the file does not say
    frames: int
    width: int
    height: int


def is_dicom(path: Path) -> bool:
    """Whether a file begins with 128 bytes of anything and DICM (PS3.10, 7.1)."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError as error:
        if may_pass(error):
            raise  # who cannot look has no answer
        return False


def patient_hash(patient_id: str, salt: str) -> str:
    """HMAC-SHA256 of an identifier under a secret salt, its first 16 hex digits; "" for an empty identifier.

    Raises ValueError where the salt is empty: all numbers that a hospital gives are soon tried.
    """
    if not salt:
        raise ValueError("the salt is empty: without one, identifiers can be found by trying")
    tidy = patient_id.strip(" \0")
    return hmac.digest(salt.encode(), tidy.encode(), "sha256").hex()[:16] if tidy else ""


@sealed
def frames(path: Path) -> int:
    """How many pictures a DICOM file holds. Raises UnreadableImageError."""
    return count_frames(read_header(path))


@sealed
def decode_dicom(path: Path, frame: int | None = 0) -> Decoded:
    """The picture number `frame`, from 0, of a DICOM file; None stands for the only one of a file that holds one.

    Raises UnreadableImageError, which quotes nothing of the header.
    """
    facts = read_header(path)
    chosen = choose_frame(count_frames(facts), frame)
    photometric = term(facts, "PhotometricInterpretation", GREY | COLOUR | {PALETTE})
    if not photometric:
        raise UnreadableImageError("holds its colours in a way that cannot be read")
    height, width = int(number(facts, "Rows") or 0), int(number(facts, "Columns") or 0)
    check_size(width, height)
    stored = _stored(path, facts, chosen)
    if stored.shape != ((height, width, 3) if photometric in COLOUR else (height, width)):
        raise UnreadableImageError("contradicts itself in the number of its channels")
    if photometric in COLOUR:
        pixels = scaling.scale(stored, 0, top(facts))
    elif photometric == PALETTE:
        pixels = coloured(stored, facts)
    else:
        pixels = grey(stored, of_frame(facts, chosen), inverted=photometric == "MONOCHROME1")
    return Decoded(without_equal_channels(pixels), width, height, photometric, "DICOM")


def header(path: Path, salt: str, frame: int = 0) -> Header:
    """What a DICOM file says of a picture, its identifiers hashed under `salt`.

    Raises UnreadableImageError, and ValueError where the salt is empty.
    """
    patient_hash("", salt)
    return _header(path, salt, frame)[0]


@sealed
def _header(path: Path, salt: str, frame: int) -> tuple[Header, Values | None]:
    """A header and the slice's normal, where the file has one."""
    facts = read_header(path)
    count = count_frames(facts)
    own = of_frame(facts, choose_frame(count, frame))
    instance = number(own, "InstanceNumber")
    spacing = numbers(own, "PixelSpacing", 2) or numbers(own, "ImagerPixelSpacing", 2)
    directions, corner = numbers(own, "ImageOrientationPatient", 6), numbers(own, "ImagePositionPatient", 3)
    normal = np.cross(directions[:3], directions[3:]) if directions and corner else None
    own_header = Header(
        patient=patient_hash(identifier(own, "PatientID"), salt),
        series=patient_hash(identifier(own, "SeriesInstanceUID"), salt),
        instance=None if instance is None else int(instance),
        position=float(np.dot(normal, corner)) if normal is not None and corner else None,
        spacing=(spacing[0], spacing[1]) if spacing else None,
        photometric=term(own, "PhotometricInterpretation", GREY | COLOUR | {PALETTE}),
        modality=term(own, "Modality", MODALITIES),
        burned_in={"YES": True, "NO": False}.get(term(own, "BurnedInAnnotation", {"YES", "NO"})),
        frames=count,
        width=int(number(own, "Columns") or 0),
        height=int(number(own, "Rows") or 0),
    )
    return own_header, normal


def series(paths: Iterable[Path], salt: str) -> dict[str, list[Path]]:
    """DICOM files by `Header.series`, those of a series ordered along the normal of its slices (C.7.6.2.1.1).

    Where not all of them say where they lie, or they are not parallel, the Instance Number decides. Files that
    hold no DICOM picture are left out. Raises ValueError where the salt is empty.
    """
    patient_hash("", salt)
    members: dict[str, list[tuple[Header, Values | None, Path]]] = {}
    for path in paths:
        try:
            facts, normal = _header(path, salt, 0)
        except UnreadableImageError:
            continue
        members.setdefault(facts.series, []).append((facts, normal, path))
    return {key: _ordered(files) for key, files in members.items()}


def _ordered(files: list[tuple[Header, Values | None, Path]]) -> list[Path]:
    first = files[0][1]
    placed = first is not None and all(own is not None and np.allclose(own, first, atol=1e-3) for _, own, _ in files)

    def place(own: tuple[Header, Values | None, Path]) -> tuple[float, int, str]:
        position = own[0].position if placed else None
        return (position or 0.0, own[0].instance or 0, own[2].name)

    return [path for _, _, path in sorted(files, key=place)]


def _stored(path: Path, facts: Dataset, frame: int) -> Values:
    """Stored values (C.7.6.3): (H, W), or (H, W, 3) with YBR turned into RGB."""
    from pydicom import dcmread, uid
    from pydicom.pixels.utils import pixel_array

    syntax = facts.file_meta.TransferSyntaxUID
    _check_decoder(syntax, int(number(facts, "BitsStored") or 0))
    # A file is read up to the frame that is wanted, unless it is deflated as a whole.
    return pixel_array(dcmread(path) if syntax == uid.DeflatedExplicitVRLittleEndian else path, index=frame)


def _check_decoder(syntax: Any, bits: int) -> None:
    """Raise UnreadableImageError that says what to install where nothing here can decompress."""
    from pydicom import uid
    from pydicom.pixels.decoders.base import get_decoder

    if syntax not in uid.AllTransferSyntaxes:
        raise UnreadableImageError("is compressed in a way that nothing is known of")
    name = re.split(r",| \(", syntax.name)[0]
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UnreadableImageError(f"is compressed as {name}, which cannot be read") from None
    if syntax == uid.JPEGExtended12Bit and bits > 8 and "pylibjpeg" not in decoder.available_plugins:
        raise UnreadableImageError(f"is compressed as {name} with {bits} bits: decompress it first")
    if not decoder.is_available:
        lossless = syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1)
        needed = "python-gdcm" if lossless else "'foveate[dicom]'"
        raise UnreadableImageError(f"is compressed as {name}, which needs pip install {needed}")
