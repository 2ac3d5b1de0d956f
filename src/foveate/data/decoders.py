"""A file becomes pixels: 8-bit grey or RGB, upright, without transparency."""

from __future__ import annotations

import contextlib
import hashlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

PILLOW = frozenset([".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm"])
DICOM = frozenset([".dcm", ".dicom", ".ima"])
NIFTI = frozenset([".nii", ".nii.gz"])
EXTENSIONS = PILLOW | DICOM | NIFTI
SMALLEST = 16  # pixels a side; below that there is nothing to classify
ENOUGH = 448  # pixels that both sides of a large JPEG keep: twice what the paper's networks see
WHOLE = 65_536  # a `least` of which nothing is left away: no side of a JPEG is longer
_ORIENTATION, _TURNED = 0x0112, 5  # the EXIF tag, and the first of its values that swap width and height
LARGEST = 100_000_000  # pixels an image; decoding takes 3 bytes each


class UnreadableImageError(Exception):
    """Why a file cannot be used, in a few words that fit behind its name."""


@dataclass(frozen=True)
class Decoded:
    """One image and what the file said of it."""

    pixels: NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB, upright
    width: int  # of the upright image, in full: that of a large JPEG is W times 1, 2, 4 or 8, less what was rounded up
    height: int
    mode: str  # as in the file: L, RGB, RGBA, P, CMYK, I;16, ...; MONOCHROME2, ... of DICOM, int16, ... of NIfTI
    format: str  # JPEG, PNG, DICOM, NIfTI, ...

    @property
    def pixel_hash(self) -> str:
        """SHA-256 of the size and the pixels: the same picture is the same in any file format without losses, since
        grey stored as RGB is decoded as grey. Of a large JPEG, use that of what `decode` gives by default.
        """
        shape = "x".join(map(str, (self.height, self.width, *self.pixels.shape[2:])))
        digest = hashlib.sha256(shape.encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()

    @property
    def is_reduced(self) -> bool:
        """Whether there are more pixels in the file."""
        return self.pixels.shape[:2] != (self.height, self.width)


def extension(path: Path) -> str:
    """The end of a file's name that says what it holds, in small letters: .png, .nii.gz, or "" where none is known."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower() if path.suffix.lower() in EXTENSIONS else ""


def is_image(path: Path) -> bool:
    """Whether a file is one to decode: by its name or, where that says nothing, because it begins as DICOM does."""
    from foveate.data.dicom import is_dicom

    return extension(path) != "" or is_dicom(path)


def decode(path: Path, frame: int | None = None, least: int = ENOUGH) -> Decoded:
    """Read an image file, or the picture with the number `frame`, from 0, of a file that holds several.

    Alpha is laid on black, a palette is resolved, CMYK becomes RGB, 16-bit grey is scaled by the bits it uses
    (0..4095 counts as 12 bits), EXIF orientation is applied, RGB with three equal channels becomes grey. A JPEG is
    decoded at a half, a quarter or an eighth of its size, as small as leaves both sides `least` pixels. How DICOM
    becomes 8 bits stands in `foveate.data.dicom`; of a NIfTI volume the pictures are its axial slices, from the feet
    up (`foveate.data.nifti`). Raises UnreadableImageError that says why.
    """
    # Here and not above: these modules import this one.
    from foveate.data.dicom import decode_dicom, is_dicom
    from foveate.data.nifti import decode_slice

    kind = extension(path)
    if kind in NIFTI:
        return decode_slice(path, frame)
    if kind in DICOM or (not kind and is_dicom(path)):
        return decode_dicom(path, frame)
    return _decode_with_pillow(path, frame, least)


def _decode_with_pillow(path: Path, frame: int | None, least: int) -> Decoded:
    try:
        with Image.open(path) as image:
            # The further pictures of an MPO are the same scene again, from another eye or smaller.
            alone = image.format == "MPO" and frame is None
            number = choose_frame(1 if alone else getattr(image, "n_frames", 1), frame)
            if number:
                image.seek(number)
            check_size(image.width, image.height)
            mode, file_format, (width, height) = image.mode, image.format or "", image.size
            if file_format == "JPEG":
                image.draft(None, (least, least))
                if image.getexif().get(_ORIENTATION, 1) >= _TURNED:
                    width, height = height, width
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            pixels = _pixels(image)
    except UnidentifiedImageError:
        raise UnreadableImageError("is not an image, whatever its name says") from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(_too_large("too many")) from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        raise UnreadableImageError(f"is damaged ({str(error) or type(error).__name__})") from None
    if file_format != "JPEG":
        height, width = pixels.shape[:2]
    return Decoded(pixels, width, height, mode, file_format)


def choose_frame(count: int, frame: int | None) -> int:
    """The number, from 0, of the picture that is wanted among `count`; raises UnreadableImageError where it is open."""
    if frame is None and count > 1:
        raise UnreadableImageError(f"holds {count} pictures, one a file is needed")
    if frame is not None and not 0 <= frame < count:
        pictures = "1 picture" if count == 1 else f"{count} pictures"
        raise UnreadableImageError(f"holds {pictures}, none with the number {frame} (they count from 0)")
    return frame or 0


def check_size(width: int, height: int) -> None:
    """Raise UnreadableImageError for a picture that is too small to classify, or too large to decode."""
    if width * height > LARGEST:
        raise UnreadableImageError(_too_large(f"{width} x {height}"))
    if min(width, height) < SMALLEST:
        raise UnreadableImageError(f"{width} x {height} pixels, at least {SMALLEST} x {SMALLEST} are needed")


def _too_large(size: str) -> str:
    return f"{size} pixels, more than {LARGEST // 1_000_000} million: make it smaller"


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Hold this around decoding: our own errors speak of size and damage instead of the libraries' warnings.

    Not inside `decode`, since threads that decode share the filters of the thread that started them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(PIL|pydicom|nibabel)\.")
        yield


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        return _to_8_bits(np.asarray(image))
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(black, image)
    if image.mode != "RGB":  # converting makes a copy in any case
        image = image.convert("RGB")
    return without_equal_channels(np.asarray(image))


def without_equal_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB -> (H, W) where the three channels are equal, else as it is; so is (H, W)."""
    if pixels.ndim == 2:
        return pixels
    grey = np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2])
    return np.ascontiguousarray(pixels[..., 0]) if grey else pixels


def _to_8_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all() or numbers.min() < 0:
        raise UnreadableImageError("holds negative or undefined values, 8- or 16-bit grey is needed")
    if values.dtype.kind == "f" and numbers.max() <= 1:
        top = 1.0
    else:
        top = 2.0 ** max(8, math.ceil(math.log2(numbers.max() + 1))) - 1
    return np.round(numbers * (255 / top)).astype(np.uint8)


def robust_range(values: NDArray[Any]) -> tuple[float, float]:
    """The values that black and white stand for where a file does not say: (low, high) of an array of any shape.

    The 0.5th and the 99.5th percentile of what is above the smallest value, which is taken for the background: half of
    an MRI slice is air, and would else decide. Undefined values do not count. Where all that is above the background
    is equal, as in a mask, low is the background. Raises UnreadableImageError where no value is defined.
    """
    defined = values[np.isfinite(values)]
    if not defined.size:
        raise UnreadableImageError("holds no defined values")
    lowest = defined.min()
    above = defined[defined > lowest]
    if not above.size:
        return float(lowest), float(lowest)
    low, high = np.percentile(above, (0.5, 99.5))
    return float(low if low < high else lowest), float(high)


def scale(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Values of any shape -> 0..255 linearly from low to high, what is outside or undefined is cut off (NaN to 0)."""
    if not high > low:
        return np.zeros(values.shape, dtype=np.uint8)
    unit: NDArray[Any] = values.astype(np.float32 if values.dtype == np.float32 else np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        unit -= low  # in place, since an image of 14 million pixels takes 110 MB here
        unit /= high - low
    np.nan_to_num(np.clip(unit, 0, 1, out=unit), copy=False)
    unit *= 255
    return np.asarray(np.rint(unit, out=unit), dtype=np.uint8)


def as_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) -> (H, W, channels) with 1 or 3 channels: grey repeated, or the luma of a colour image."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], channels, axis=2)
    if channels == 3:
        return pixels
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
