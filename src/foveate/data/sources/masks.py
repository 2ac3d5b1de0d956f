"""Lesion masks in a folder that mirrors the folder of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from foveate.data.sources.source import Source
from foveate.errors import FoveateError


def with_masks(source: Source, masks: Path) -> Source:
    """Find each image's mask at the same relative path below the masks' folder, as PNG.

    Raises FoveateError where there is no such folder, or no mask in it.
    """
    if not masks.is_dir():
        raise FoveateError(f"the folder of masks {masks} does not exist.")
    images = []
    for image in source.images:
        mask = masks / Path(image.path).with_suffix(".png")
        images.append(replace(image, mask=str(mask)) if mask.is_file() else image)
    if not any(image.mask for image in images):
        example = Path(source.images[0].path).with_suffix(".png")
        raise FoveateError(
            f"{masks} holds no mask of any image: a mask is expected at, for example, {masks / example}."
        )
    return replace(source, images=images)
