"""Lesion masks: read and made square as their images are, and told of where they are hardly right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foveate.data.decoders import WHOLE, decode
from foveate.data.fit import square
from foveate.data.pixels import UnreadableImageError, as_channels

_MOST = 0.5  # of an image; a lesion that covers more, the border with it, is rather the background
_FAINT, _GREY = 0.05, 0.2  # of a mask's maximum, and of what is not black: a mask with more between is grey
_WORDS = {  # kind -> verb for one and for several, and what is wrong
    "inverted": ("covers", "cover", "more than half of the image and its border: if that is the background, invert it"),
    "healthy": ("marks", "mark", "a lesion in an image without disease: the label or the mask is wrong"),
    "grey": ("is", "are", "grey, not black and white: what is brighter than half of the brightest counts as lesion"),
    "empty": ("is", "are", "empty though the image is of the diseased class: its heat-maps are not scored"),
}


def read_mask(path: Path, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """A mask file as (H, W) grey, the size (H, W) of its image. Raises UnreadableImageError that says why not."""
    pixels = as_channels(decode(path, least=WHOLE).pixels, 1)[..., 0]
    if pixels.shape != size:
        raise UnreadableImageError(f"is {pixels.shape[1]} x {pixels.shape[0]} pixels, the image {size[1]} x {size[0]}")
    return pixels


def lesion(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H, W) grey -> (H, W): what is brighter than half of the brightest pixel; nothing of a black mask."""
    return np.asarray(pixels > pixels.max() / 2)


def squared(pixels: NDArray[np.uint8], side: int, fit: str) -> NDArray[np.bool_]:
    """(H, W) grey -> (side, side), made square as its image is: a pixel belongs to the lesion that covers half of it.

    A lesion smaller than that keeps the pixel that it covers most.
    """
    coverage = square(np.where(lesion(pixels), 255, 0).astype(np.uint8), side, fit)
    covered: NDArray[np.bool_] = coverage >= min(128, max(1, int(coverage.max())))
    return covered


def is_grey(pixels: NDArray[np.uint8]) -> bool:
    """Whether a mask (H, W) is grey beyond what smooth edges and JPEG make of two values."""
    strength = pixels / max(1, int(pixels.max()))
    between = (strength > _FAINT) & (strength < 1 - _FAINT)
    return bool(between.sum() > _GREY * (strength > _FAINT).sum())


def is_inverted(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask (H, W) marks what surrounds the lesion: more than half of the image, and most of its border."""
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return bool(mask.mean() > _MOST and border.mean() > _MOST)


def sentence(kind: str, count: int, whole: int) -> str:
    """What is wrong with `count` of `whole` masks, of a kind of _WORDS: 1 of 12 masks covers more than half of ..."""
    one, several, text = _WORDS[kind]
    return f"{count:,} of {whole:,} masks {one if count == 1 else several} {text}."


def mask_warnings(
    masks: Sequence[NDArray[np.bool_]], diseased: Sequence[bool], grey: int, empty: int, empty_diseased: int
) -> list[str]:
    """Sentences on a data set's masks (m, side, side), without names; `diseased` says of each whether its image is.

    `grey` masks are not black and white, `empty` ones hold no lesion, `empty_diseased` of those are of diseased images.
    """
    counts = {
        "inverted": sum(map(is_inverted, masks)),
        "healthy": sum(not own for own in diseased),
        "grey": grey,
        "empty": empty_diseased,
    }
    return [sentence(kind, count, len(masks) + empty) for kind, count in counts.items() if count]
