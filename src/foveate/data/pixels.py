"""What all decoders share: the pixels of one image with what its file said, and why a file cannot be used."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALLEST = 16  # pixels a side; below that there is nothing to classify
LARGEST = 100_000_000  # pixels an image; decoding takes 3 bytes each
AS_STORED = "0..255 as stored"


class UnreadableImageError(Exception):
    """Why a file cannot be used, in a few words that fit behind its name."""


class UnreachableImageError(UnreadableImageError):
    """The file is not at fault: disk, network, memory or permissions are. What is read later may be whole.

    `may_pass`: not so where nothing gets better by waiting, without permission or where there is no such file.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot be read ({error.strerror or error})")
        self.may_pass = may_pass(error)


# What stays as it is until somebody changes permissions, links or names; disks, networks and memory come back.
_LASTING = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)
# A decoder's own error has none; the others ask for a place that a damaged header made up.
_ASKED_BY_DAMAGE = (None, errno.EINVAL, errno.EOVERFLOW)


def may_pass(error: OSError) -> bool:
    """Whether trying again later may help, with nothing changed: disk or network failed."""
    return error.errno not in (*_LASTING, *_ASKED_BY_DAMAGE)


def fault(error: Exception, otherwise: str = "") -> UnreadableImageError:
    """What an error says of the file that was read: UnreachableImageError where the file is not at fault.

    `otherwise` is said of the file where it is; by default that it is damaged, in the decoder's own words.
    """
    if isinstance(error, MemoryError):
        return UnreachableImageError(OSError(errno.ENOMEM, "not enough memory"))
    if isinstance(error, OSError) and error.errno not in _ASKED_BY_DAMAGE:
        return UnreachableImageError(error)
    return UnreadableImageError(otherwise or f"is damaged ({str(error) or type(error).__name__})")


@dataclass(frozen=True)
class Decoded:
    """One image and what the file said of it."""

    pixels: NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB, upright
    width: int  # of the upright image, in full: that of a large JPEG is W times 1, 2, 4 or 8, less what was rounded up
    height: int
    mode: str  # as in the file: L, RGB, RGBA, P, CMYK, I;16, ...; MONOCHROME2, ... of DICOM, int16, ... of NIfTI
    format: str  # JPEG, PNG, DICOM, NIfTI, ...
    scaling: str = AS_STORED  # how stored numbers became 0..255, in words of `foveate.data.scaling`

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
        raise UnreadableImageError(too_large(f"{width} x {height}"))
    if min(width, height) < SMALLEST:
        raise UnreadableImageError(f"{width} x {height} pixels, at least {SMALLEST} x {SMALLEST} are needed")


def too_large(size: str) -> str:
    return f"{size} pixels, more than {LARGEST // 1_000_000} million: make it smaller"


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Hold this around decoding: our own errors speak of size and damage instead of the libraries' warnings.

    Not inside `decode`, since threads that decode share the filters of the thread that started them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(PIL|pydicom|nibabel)\.")
        yield


def without_equal_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB -> (H, W) where the three channels are equal, else as it is; so is (H, W)."""
    if pixels.ndim == 2:
        return pixels
    grey = np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2])
    return np.ascontiguousarray(pixels[..., 0]) if grey else pixels


def as_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) -> (H, W, channels) with 1 or 3 channels: grey repeated, or the luma of a colour image."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], channels, axis=2)
    if channels == 3:
        return pixels
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
