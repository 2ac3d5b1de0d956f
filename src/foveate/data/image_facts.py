"""What is known of one image without its label: its hashes, its file's make, how bright it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from foveate.data.pixels import Decoded, as_channels
from foveate.runs import file_hash

SIDE = 256  # pixels of the grey copy on which pictures are compared
SMALL = 64  # pixels of the thumbnail on which they are measured
BORDER = 2  # pixels of the thumbnail that count as its border, about 3 % of its side


@dataclass(frozen=True)
class ImageFacts:
    """One image, measured."""

    file_hash: str  # SHA-256 of the file
    pixel_hash: str  # SHA-256 of the decoded pixels
    perceptual: int  # 64-bit pHash
    gradient: int  # 64-bit dHash
    width: int
    height: int
    mode: str
    format: str
    file_bytes: int
    brightness: float  # mean of the thumbnail, 0..255
    border: float  # mean of its outermost pixels
    constant: bool  # all pixels are the same
    scaling: str  # how stored numbers became 0..255, `Decoded.scaling`


def facts_of(path: Path, decoded: Decoded, hash_of_file: str = "") -> ImageFacts:
    """Measure an image that is decoded already; the file is read again where its hash is not known. Raises OSError."""
    state = path.stat()
    small = thumbnail(decoded.pixels)
    inner = small[BORDER:-BORDER, BORDER:-BORDER]
    whole, within = int(small.sum()), int(inner.sum())
    perceptual, gradient = perceptual_hash(small), gradient_hash(small)
    return ImageFacts(
        file_hash=hash_of_file or file_hash(path),
        pixel_hash=decoded.pixel_hash,
        perceptual=perceptual,
        gradient=gradient,
        width=decoded.width,
        height=decoded.height,
        mode=decoded.mode,
        format=decoded.format,
        file_bytes=state.st_size,
        brightness=whole / small.size,
        border=(whole - within) / (small.size - inner.size),
        constant=int(np.ptp(small)) <= 1 and bool((decoded.pixels == decoded.pixels[:1, :1]).all()),
        scaling=decoded.scaling,
    )


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W[, 3]) uint8 -> (64, 64) uint8: the luma, stretched to a square, antialiased: enough to measure by,
    and made in less time than the grey copy."""
    image = Image.fromarray(pixels).resize((SMALL, SMALL), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image.convert("L"))


def grey_copy(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W[, 3]) uint8 -> (256, 256) uint8: the luma, stretched to a square, antialiased."""
    luma = np.ascontiguousarray(as_channels(pixels, 1)[..., 0])
    return np.asarray(Image.fromarray(luma).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def perceptual_hash(small: NDArray[np.uint8]) -> int:
    """pHash: which of the 64 lowest frequencies of a thumbnail halved, the constant row and column left out, are above
    their median (Zauner, Implementation and benchmarking of perceptual image hash functions, 2010).
    """
    half = np.asarray(Image.fromarray(small).reduce(2), dtype=np.float64)
    low = dctn(half, norm="ortho")[1:9, 1:9].ravel()
    return _packed(low > np.median(low))


def gradient_hash(small: NDArray[np.uint8]) -> int:
    """dHash: which pixels of a thumbnail made 9 x 8 are brighter than their left neighbour (Krawetz 2013)."""
    reduced = np.asarray(Image.fromarray(small).resize((9, 8), Image.Resampling.BILINEAR))
    return _packed((reduced[:, 1:] > reduced[:, :-1]).ravel())


def _packed(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
