"""A file becomes pixels: 8-bit grey or RGB, upright, without transparency."""

from __future__ import annotations

from pathlib import Path

from foveate.data.dicom import decode_dicom
from foveate.data.dicom_file import is_dicom
from foveate.data.nifti import decode_slice
from foveate.data.pixels import Decoded, fault
from foveate.data.raster import decode_raster

PILLOW = frozenset([".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm"])
DICOM = frozenset([".dcm", ".dicom", ".ima"])
NIFTI = frozenset([".nii", ".nii.gz"])
EXTENSIONS = PILLOW | DICOM | NIFTI
ENOUGH = 448  # pixels that both sides of a large JPEG keep: twice what the paper's networks see
WHOLE = 65_536  # a `least` of which nothing is left away: no side of a JPEG is longer


def extension(path: Path) -> str:
    """The end of a file's name that says what it holds, in small letters: .png, .nii.gz, or "" where none is known."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower() if path.suffix.lower() in EXTENSIONS else ""


def is_image(path: Path) -> bool:
    """Whether a file is one to decode: by its name or, where that says nothing, because it begins as DICOM does."""
    return extension(path) != "" or is_dicom(path)


def decode(path: Path, frame: int | None = None, least: int = ENOUGH) -> Decoded:
    """Read an image file, or the picture with the number `frame`, from 0, of a file that holds several.

    Alpha is laid on black, a palette is resolved, CMYK becomes RGB, more than 8 bits are scaled by the rule of
    `foveate.data.scaling`, EXIF orientation is applied, RGB with three equal channels becomes grey. A JPEG is decoded
    at a half, a quarter or an eighth of its size, as small as leaves both sides `least` pixels. How DICOM becomes 8
    bits stands in `foveate.data.dicom`; of a NIfTI volume the pictures are its axial slices, from the feet up
    (`foveate.data.nifti`). Raises UnreadableImageError that says why, UnreachableImageError where disk or network do.
    """
    try:
        return _decode(path, frame, least)
    except (OSError, MemoryError) as error:
        raise fault(error) from None


def _decode(path: Path, frame: int | None, least: int) -> Decoded:
    kind = extension(path)
    if kind in NIFTI:
        return decode_slice(path, frame)
    if kind in DICOM or (not kind and is_dicom(path)):
        return decode_dicom(path, frame)
    return decode_raster(path, frame, least)
