"""Files of several pictures become images of their own, and DICOM headers say which images are of one patient."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from foveate.data.decoders import DICOM, NIFTI, extension
from foveate.data.pixels import UnreachableImageError, UnreadableImageError
from foveate.data.sources.source import AIR, Source, SourceImage
from foveate.errors import FoveateError

if TYPE_CHECKING:
    from foveate.data.dicom import Header

T = TypeVar("T")
_MAYBE_DICOM = ("", *DICOM)  # what has no ending is no image, unless it is DICOM
_SALT = secrets.token_hex(32)  # of this process: nothing hashed with it is kept
_FROM_HEADERS = "dicom-"  # what the patients that headers tell are named by
FOREGROUND = 0.05  # of a slice's pixels, at least: others show next to nothing of the body


def expanded(source: Source) -> Source:
    """Every slice of a volume and every picture of a multi-frame file as an image `file#number`.

    Those of one file belong to one patient, whoever it is: they never stand on both sides of a split. Files that
    cannot be read stay as they are, and are listed when they are decoded. Raises FoveateError where one cannot be read
    at the moment, so that it does not go by as something else.
    """
    images: list[SourceImage] = []
    left_out, empty = dict(source.left_out), 0
    for image in source.images:
        pictures = None if image.member else _numbers(source.folder / image.path)
        if pictures is None:
            images.append(image)
            continue
        images += [_member(image, number) for number in pictures.used]
        empty += pictures.count - len(pictures.used)
        if not pictures.used:
            left_out[image.file] = AIR
    return replace(source, images=images, left_out=left_out, empty_slices=source.empty_slices + empty)


def _member(image: SourceImage, number: int) -> SourceImage:
    member = f"#{number}"
    return replace(image, path=image.path + member, member=member, patient=image.patient or image.path)


@dataclass(frozen=True)
class _Pictures:
    """Of a file of several."""

    used: tuple[int, ...]  # their numbers
    count: int  # of all


def _numbers(file: Path) -> _Pictures | None:
    """The pictures in a file that are used; None for a file of one picture."""
    if extension(file) not in (*_MAYBE_DICOM, *NIFTI) or not file.is_file():
        return None
    facts = file.stat()
    return _or_none(file, lambda: _pictures(file, facts.st_size, facts.st_mtime_ns))


def _or_none(file: Path, read: Callable[[], T | None]) -> T | None:
    """What a file says, or None where it cannot be read, which is not kept: it may be readable when asked again.

    Raises FoveateError where disk or network failed: once that has passed, the file would be used all the same.
    """
    try:
        return read()
    except UnreachableImageError as error:
        if error.may_pass:
            raise FoveateError(
                f"{file} {error}: it says whose images these are, so try again when it can be read."
            ) from None
        return None
    except UnreadableImageError:
        return None


@functools.lru_cache(maxsize=100_000)
def _pictures(file: Path, size: int, changed: int) -> _Pictures | None:
    from foveate.data import dicom, nifti

    if extension(file) in NIFTI:
        return _Pictures(tuple(nifti.foreground_slices(file, FOREGROUND)), nifti.slices(file))
    count = dicom.frames(file)
    return _Pictures(tuple(range(count)), count) if count > 1 else None


def with_headers(source: Source) -> Source:
    """Patients from DICOM headers, where nothing else says who they are, and warnings where headers say that texts
    are burned into the pixels, or that all files are of one patient.

    Patients are numbered as they appear: only which images are of the same one is kept, not who it is. Raises
    FoveateError where a file cannot be read at the moment.
    """
    files = [image.file for image in source.images]
    headers = {path: _header_of(source.folder / path) for path in dict.fromkeys(files)}
    patients = dict.fromkeys(own.patient for own in headers.values() if own is not None and own.patient)
    names = {patient: f"{_FROM_HEADERS}{number:05d}" for number, patient in enumerate(patients, start=1)}
    images = []
    for image, file in zip(source.images, files, strict=True):
        own = headers[file]
        nameless = image.patient in ("", file)  # or named after the file that holds it
        known = own is not None and nameless and own.patient
        images.append(replace(image, patient=names[own.patient]) if own is not None and known else image)
    burned = [path for path, own in headers.items() if own is not None and own.burned_in]
    warnings = [*source.warnings, *_same_warning(images)]
    return replace(source, images=images, warnings=warnings, burned_in=len(burned))


def burned_in_said(files: int) -> str:
    """What to say where headers of so many files tell of texts in the pixels."""
    say = "1 DICOM file says" if files == 1 else f"{files} DICOM files say"
    return f"{say} that texts are burned into the pixels: they may name a patient, or give the label away."


def _same_warning(images: Sequence[SourceImage]) -> list[str]:
    """Of one patient for images of several labels: true of the slices of one scan, and of files made anonymous."""
    told = [image for image in images if image.patient.startswith(_FROM_HEADERS)]
    if len({image.patient for image in told}) != 1 or len({image.label for image in told}) < 2:
        return []
    return [
        f"The Patient ID is the same in the DICOM headers of {len(told)} images of several labels, as where files were "
        "made anonymous: they count as one patient. If they are of several, name those in a table (column patient)."
    ]


def remedy(images: Sequence[SourceImage]) -> str:
    """What to say behind an error for want of patients where DICOM headers tell them, "" where they do not."""
    told = [image.patient for image in images if image.patient.startswith(_FROM_HEADERS)]
    if not told:
        return ""
    count = len(set(told))
    ids = "the same in" if count == 1 else f"one of {count} in"
    return (
        f" Patients are told here by the Patient ID in the DICOM headers, which is {ids} all {len(told)} images that "
        "have one. Where making files anonymous left it so, name the patients in a table (column patient)."
    )


def _header_of(file: Path) -> Header | None:
    if extension(file) not in _MAYBE_DICOM or not file.is_file():
        return None
    facts = file.stat()
    return _or_none(file, lambda: _header(file, facts.st_size, facts.st_mtime_ns))


@functools.lru_cache(maxsize=100_000)
def _header(file: Path, size: int, changed: int) -> Header:
    from foveate.data import dicom

    return dicom.header(file, _SALT)
