"""Files of several pictures become images of their own, and DICOM headers say which images are of one patient."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from foveate.data.decoders import DICOM, NIFTI, extension
from foveate.data.pixels import UnreadableImageError
from foveate.data.sources.source import Source, SourceImage

if TYPE_CHECKING:
    from foveate.data.dicom import Header

_MAYBE_DICOM = ("", *DICOM)  # what has no ending is no image, unless it is DICOM
_SALT = secrets.token_hex(32)  # of this process: nothing hashed with it is kept
FOREGROUND = 0.05  # of a slice's pixels, at least: others show next to nothing of the body


def expanded(source: Source) -> Source:
    """Every slice of a volume and every picture of a multi-frame file as an image `file#number`.

    Those of one file belong to one patient, whoever it is: they never stand on both sides of a split. Files that
    cannot be read stay as they are, and are listed when they are decoded.
    """
    images = [own for image in source.images for own in _expanded(source.folder, image)]
    return source if len(images) == len(source.images) else replace(source, images=images)


def _expanded(folder: Path, image: SourceImage) -> Iterator[SourceImage]:
    numbers = _numbers(folder / image.path)
    if numbers is None:
        yield image
        return
    for number in numbers:
        yield replace(image, path=f"{image.path}#{number}", patient=image.patient or image.path)


def _numbers(file: Path) -> tuple[int, ...] | None:
    """The pictures in a file that are used; None for a file of one picture."""
    if extension(file) not in (*_MAYBE_DICOM, *NIFTI) or not file.is_file():
        return None
    facts = file.stat()
    return _pictures(file, facts.st_size, facts.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _pictures(file: Path, size: int, changed: int) -> tuple[int, ...] | None:
    from foveate.data import dicom, nifti

    try:
        if extension(file) in NIFTI:
            return tuple(int(number) for number in nifti.foreground_slices(file, FOREGROUND))
        count = dicom.frames(file)
    except UnreadableImageError:
        return None
    return tuple(range(count)) if count > 1 else None


def with_headers(source: Source) -> Source:
    """Patients from DICOM headers, where nothing else says who they are, and a warning where headers say that texts
    are burned into the pixels.

    Patients are numbered as they appear: only which images are of the same one is kept, not who it is.
    """
    headers = {path: _header_of(source.folder / path) for path in dict.fromkeys(map(_file, source.images))}
    patients = dict.fromkeys(own.patient for own in headers.values() if own is not None and own.patient)
    names = {patient: f"dicom-{number:05d}" for number, patient in enumerate(patients, start=1)}
    images = []
    for image in source.images:
        own = headers[_file(image)]
        nameless = image.patient in ("", _file(image))  # or named after the file that holds it
        known = own is not None and nameless and own.patient
        images.append(replace(image, patient=names[own.patient]) if own is not None and known else image)
    burned = [path for path, own in headers.items() if own is not None and own.burned_in]
    warnings = list(source.warnings)
    if burned:
        files = "1 DICOM file says" if len(burned) == 1 else f"{len(burned)} DICOM files say"
        warnings.append(f"{files} that texts are burned into the pixels (the first is {burned[0]}): look for names.")
    return replace(source, images=images, warnings=warnings, burned_in=len(burned))


def _file(image: SourceImage) -> str:
    return image.path.partition("#")[0]


def _header_of(file: Path) -> Header | None:
    if extension(file) not in _MAYBE_DICOM or not file.is_file():
        return None
    facts = file.stat()
    return _header(file, facts.st_size, facts.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _header(file: Path, size: int, changed: int) -> Header | None:
    from foveate.data import dicom

    try:
        return dicom.header(file, _SALT)
    except UnreadableImageError:
        return None
