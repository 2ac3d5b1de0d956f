"""A whole folder of images, decoded and measured for an audit; nothing is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate.data import lesion_masks
from foveate.data.classes import two_classes
from foveate.data.duplicates import Grey
from foveate.data.findings import Findings, inspect
from foveate.data.image_facts import ImageFacts, facts_of, grey_copy
from foveate.data.pixels import Decoded, UnreachableImageError, UnreadableImageError, fault, quiet_pillow
from foveate.data.reachable import refuse
from foveate.data.shortcuts import with_size
from foveate.data.sources import Source, SourceImage, Tally, file_of, open_image, tally
from foveate.data.sources.source import printable
from foveate.data.sources.tables import read_table
from foveate.data.threads import in_threads
from foveate.errors import FoveateError

Advance = Callable[[int], None]
_KEY = re.compile(r"(patient|person|subject|lesion|study|exam|eye|donor)([ _-]?(id|key|number))?", re.IGNORECASE)
_RECORDED = ("width", "height", "mode", "format")  # columns of manifest.csv about the originals


@dataclass
class Masks:
    """What the lesion masks are good for."""

    images: int = 0  # that have one
    empty: list[str] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)  # that look like it
    grey: list[str] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)  # image and reason


@dataclass(frozen=True)
class Audit:
    """Findings on a folder, and what is no finding on its images."""

    source: Source
    classes: dict[str, list[str]]  # class -> labels, where the positive ones are named
    unreadable: list[tuple[str, str]]  # path and reason
    masks: Masks
    found: Findings

    @property
    def files(self) -> Tally:
        """Every file of the source, counted."""
        return tally(self.source, [path for path, _ in self.unreadable])


def audit_folder(source: Source, positive: Sequence[str] = (), advance: Advance = lambda count: None) -> Audit:
    """Decode, measure and inspect all images of a source; those that cannot be read are listed.

    `advance` is called with the number of images decoded. With `positive` labels the shortcuts are set against the two
    classes instead of the labels. Raises FoveateError where no image can be read, and where
    disk or network fail, which says nothing of an image; UsageError for unknown labels.
    """
    classes = two_classes(list(source.labels), positive, str(source.folder)) if positive else {}
    class_of = {label: name for name, labels in classes.items() for label in labels}
    rows: list[int] = []
    facts: list[ImageFacts] = []
    unreadable: list[tuple[str, str]] = []
    masks = Masks(images=sum(bool(image.mask) for image in source.images))
    for row, result, mask in _measure_all(source, advance):
        path = source.images[row].path
        if isinstance(result, str):
            unreadable.append((path, result))
            continue
        rows.append(row)
        facts.append(result)
        if mask in ("empty", "inverted", "grey"):
            getattr(masks, mask).append(path)
        elif mask:
            masks.unusable.append((path, mask))
    if not rows:
        raise FoveateError(
            f"none of the {len(source.images)} images in {source.folder} can be read, {_first(unreadable)}."
        )
    images = [source.images[row] for row in rows]
    keys, recorded = further_columns(source, images, facts)
    outcome = [class_of.get(image.label, image.label) for image in images]
    with quiet_pillow():
        found = inspect(images, facts, grey_of(source, images), outcome, keys, recorded)
    return Audit(source, classes, unreadable, masks, found)


def _first(unreadable: Sequence[tuple[str, str]]) -> str:
    path, reason = unreadable[0]
    return f"the first, {printable(path)}, {reason}"


def grey_of(source: Source, images: Sequence[SourceImage]) -> Grey:
    """The grey copy of each of these images, decoded anew when it is asked for."""

    def grey(row: int) -> NDArray[np.uint8]:
        return grey_copy(decoded_anew(source, images[row]).pixels)

    return grey


def decoded_anew(source: Source, image: SourceImage) -> Decoded:
    """An image that could be read a moment ago. Raises FoveateError where it cannot be reached any more."""
    try:
        return open_image(source, image)
    except UnreachableImageError as error:
        refuse(source, {source.images.index(image): error})


def _measure_all(source: Source, advance: Advance) -> Iterator[tuple[int, ImageFacts | str, str]]:
    """Of each image its row, its facts or why it cannot be read, and what is wrong with its mask."""

    def one(row: int) -> tuple[int, ImageFacts | str, str]:
        image = source.images[row]
        try:
            decoded = open_image(source, image)
            return row, _facts(file_of(source, image), decoded), _mask_fault(image, decoded) if image.mask else ""
        except UnreadableImageError as error:
            if isinstance(error, UnreachableImageError) and error.may_pass:  # that is no finding on the image
                refuse(source, {row: error})
            return row, str(error), ""

    for chunk in in_threads(one, range(len(source.images))):
        yield from chunk
        advance(len(chunk))


def _facts(file: Path, decoded: Decoded) -> ImageFacts:
    try:
        return facts_of(file, decoded)
    except OSError as error:
        raise fault(error) from None


def _mask_fault(image: SourceImage, decoded: Decoded) -> str:
    """A name of Masks' lists, why the mask cannot be used, or "" where nothing is wrong with it."""
    try:
        pixels = lesion_masks.read_mask(Path(image.mask), (decoded.height, decoded.width))
    except UnreadableImageError as error:
        if isinstance(error, UnreachableImageError) and error.may_pass:
            raise
        return str(error)
    if not pixels.any():
        return "empty"
    if lesion_masks.is_inverted(lesion_masks.lesion(pixels)):
        return "inverted"
    return "grey" if lesion_masks.is_grey(pixels) else ""


def further_columns(
    source: Source, images: Sequence[SourceImage], facts: Sequence[ImageFacts]
) -> tuple[dict[str, list[str]], pd.DataFrame | None]:
    """From manifest.csv: further keys of whom an image belongs to, and what it records of the originals.

    The width, height, mode and format in it are of use where they differ from the files', as where copies were made
    smaller.
    """
    file = source.folder / "manifest.csv"
    if not file.is_file():
        return {}, None
    table = read_table(file)
    of_path = {row.get("path", ""): row for row in table.rows}
    rows = [of_path.get(image.path) or of_path.get(image.file, {}) for image in images]
    keys = {
        name: [row.get(name, "") for row in rows]
        for name in table.columns
        if _KEY.fullmatch(name) and name != "patient" and any(row.get(name) for row in rows)
    }
    recorded: dict[str, list[Any]] = {
        name: [row.get(name, "") for row in rows] for name in _RECORDED if name in table.columns
    }
    for name in ("width", "height"):
        if name in recorded:
            recorded[name] = pd.to_numeric(pd.Series(recorded[name]), errors="coerce").fillna(0).tolist()
    # A column with gaps, or a size of nothing, records nothing that could be set against the labels.
    whole = {name: values for name, values in recorded.items() if all(values)}
    differ = any(values != [getattr(own, name) for own in facts] for name, values in whole.items())
    return keys, with_size(pd.DataFrame(whole)) if differ else None
