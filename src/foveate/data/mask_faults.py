"""Lesion masks that are there but hardly right: inverted, grey, or of an image without a lesion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST = 0.5  # of an image; a lesion that covers more, the border with it, is rather the background


def inverted(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask (H, W) marks what surrounds the lesion: more than half of the image, and most of its border."""
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return bool(mask.mean() > _MOST and border.mean() > _MOST)


def mask_warnings(
    masks: Sequence[NDArray[np.bool_]], diseased: Sequence[bool], grey: int, empty: int, empty_diseased: int
) -> list[str]:
    """Sentences on a data set's masks, without names; `diseased` says of each mask whether its image is.

    `grey` masks are not black and white, `empty` ones hold no lesion, `empty_diseased` of those are of diseased images.
    """
    turned = sum(map(inverted, masks))
    healthy = sum(not own for own in diseased)
    told = [
        (turned, "{} more than half of the image and its border: if that is the background, invert them.", "covers"),
        (healthy, "{} a lesion in an image without disease: label or mask is wrong, or the mask is of something else.",
         "marks"),
        (grey, "{} grey, not black and white: what is brighter than half of the brightest counts as lesion.", "is"),
        (empty_diseased, "{} empty though the image is of the diseased class: its heat-maps are not scored.", "is"),
    ]  # fmt: skip
    whole = len(masks) + empty
    return [text.format(_amount(count, whole, verb)) for count, text, verb in told if count]


def _amount(count: int, whole: int, verb: str) -> str:
    """Such as: 1 of 12 masks covers; 2 of 12 masks cover."""
    plural = {"covers": "cover", "marks": "mark", "is": "are"}
    return f"{count:,} of {whole:,} masks {verb if count == 1 else plural[verb]}"
