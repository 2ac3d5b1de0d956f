"""A file becomes pixels: 8-bit grey or RGB, upright, without transparency."""

from __future__ import annotations

import contextlib
import hashlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

EXTENSIONS = frozenset(
    [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm"]
)
SMALLEST = 16  # pixels a side; below that there is nothing to classify
LARGEST = 100_000_000  # pixels an image; decoding takes 3 bytes each


class UnreadableImageError(Exception):
    """Why a file cannot be used, in a few words that fit behind its name."""


@dataclass(frozen=True)
class Decoded:
    """One image and what the file said of it."""

    pixels: NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB, upright
    width: int  # of the upright image
    height: int
    mode: str  # as in the file: L, RGB, RGBA, P, CMYK, I;16, ...
    format: str  # JPEG, PNG, ...

    @property
    def pixel_hash(self) -> str:
        """SHA-256 of the pixels as RGB, so that the same picture is the same in any file format."""
        digest = hashlib.sha256(f"{self.height}x{self.width}".encode())
        digest.update(np.ascontiguousarray(as_channels(self.pixels, 3)).tobytes())
        return digest.hexdigest()


def decode(path: Path) -> Decoded:
    """Read an image file.

    Alpha is laid on black, a palette is resolved, CMYK becomes RGB, 16-bit grey is scaled by the bits it uses
    (0..4095 counts as 12 bits), EXIF orientation is applied, RGB with three equal channels becomes grey.
    Raises UnreadableImageError that says why.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > LARGEST:
                raise UnreadableImageError(_too_large(f"{image.width} x {image.height}"))
            if min(image.size) < SMALLEST:
                size = f"{image.width} x {image.height}"
                raise UnreadableImageError(f"{size} pixels, at least {SMALLEST} x {SMALLEST} are needed")
            if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                frames = getattr(image, "n_frames", 1)
                raise UnreadableImageError(f"holds {frames} pictures, one a file is needed")
            mode, file_format = image.mode, image.format or ""
            image.load()
            pixels = _pixels(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise UnreadableImageError("is not an image, whatever its name says") from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(_too_large("too many")) from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        raise UnreadableImageError(f"is damaged ({str(error) or type(error).__name__})") from None
    return Decoded(pixels, pixels.shape[1], pixels.shape[0], mode, file_format)


def _too_large(size: str) -> str:
    return f"{size} pixels, more than {LARGEST // 1_000_000} million: make it smaller"


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Hold this around decoding: our own errors speak of size and damage instead of Pillow's warnings.

    Not inside `decode`, since threads that decode share the filters of the thread that started them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I") or image.mode == "F":
        return _to_8_bits(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image).convert("RGB")
    elif image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    else:
        image = image.convert("RGB")
    pixels: NDArray[np.uint8] = np.asarray(image)
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


def as_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) -> (H, W, channels) with 1 or 3 channels: grey repeated, or the luma of a colour image."""
    if pixels.ndim == 2:
        return np.broadcast_to(pixels[..., None], (*pixels.shape, channels))
    if channels == 3:
        return pixels
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def square(pixels: NDArray[np.uint8], side: int, fit: str) -> NDArray[np.uint8]:
    """Bring (H, W[, 3]) to (side, side[, 3]), antialiased (bilinear over the area that a pixel covers).

    fit: "stretch" changes the aspect ratio; "pad" keeps it and fills with black; "crop" keeps it and cuts the
    longer side off evenly.
    """
    image = Image.fromarray(pixels)
    if fit == "pad":
        image = ImageOps.pad(image, (side, side), Image.Resampling.BILINEAR, color=0)
    elif fit == "crop":
        image = ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)
    else:
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image)
