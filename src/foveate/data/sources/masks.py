"""Lesion masks in a folder that mirrors the folder of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from foveate.data.sources.listing import visible_files, without_ending
from foveate.data.sources.lookup import Lookup
from foveate.data.sources.source import MASK, Source, SourceImage, printable
from foveate.errors import FoveateError


def without_masks(source: Source, masks: Path) -> Source:
    """The source without the files of the masks' folder, where that lies among the images."""
    folder, inside = source.folder.resolve(), masks.resolve()
    if inside == folder or not inside.is_relative_to(folder):
        return source
    top = inside.relative_to(folder).as_posix() + "/"
    left_out = source.left_out | {path: MASK for path in source.left_out if path.startswith(top)}
    left_out |= {image.file: MASK for image in source.images if image.file.startswith(top)}
    return replace(
        source, images=[image for image in source.images if not image.file.startswith(top)], left_out=left_out
    )


def with_masks(source: Source, masks: Path) -> Source:
    """Find each image's mask at the same relative path below the masks' folder: a picture of any format.

    Raises FoveateError where there is no such folder, no mask in it, or two for one image.
    """
    if not masks.is_dir():
        raise FoveateError(f"the folder of masks {masks} does not exist.")
    lookup = Lookup(masks, visible_files(masks))
    images = [_with_mask(image, masks, lookup) for image in source.images]
    found = {image.mask for image in images if image.mask}
    if not found:
        example = printable(f"{without_ending(source.images[0].file)}.png")
        raise FoveateError(
            f"{masks} holds no mask of any image: a mask is expected at, for example, {masks / example}."
        )
    spare = len(lookup.pictures) - len(found)
    belong = "belongs" if spare == 1 else "belong"
    warnings = [f"{spare:,} of {len(lookup.pictures):,} masks {belong} to no image"] if spare > 0 else []
    return replace(source, images=images, warnings=[*source.warnings, *warnings])


def _with_mask(image: SourceImage, masks: Path, lookup: Lookup) -> SourceImage:
    """The image with its mask: a PNG first; that of a volume may end in .nii.png."""
    stem = without_ending(image.file)
    for written in (f"{stem}.png", PurePosixPath(image.file).with_suffix(".png").as_posix(), stem):
        path = lookup.mirrored(written, f"the masks in {masks}")
        if path:
            return replace(image, mask=str(masks / path))
    return image
