"""Decoded pixels, kept once for all studies of a machine: named by what the files hold, gone on with where cut off."""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate import locks, runs
from foveate.config import Images
from foveate.config.yaml_and_json import WrongDocumentError, load_json
from foveate.data import freshness, lesion_masks
from foveate.data.decoders import ENOUGH
from foveate.data.fit import square
from foveate.data.image_facts import ImageFacts, facts_of
from foveate.data.npy import GrowingArray
from foveate.data.pixels import Decoded, UnreachableImageError, UnreadableImageError, as_channels, fault
from foveate.data.reachable import Reached, reach, refuse
from foveate.data.sources import Source, SourceImage, file_of, open_image
from foveate.data.sources.archives import cache_folder
from foveate.data.threads import in_threads
from foveate.errors import FoveateError

Advance = Callable[[int], None]
PIXELS, MASKS, ENTRIES = "pixels.npy", "masks.npy", "images.jsonl"
_VERSION = 4  # of what decoding does: another one, other packs
# Whose versions may change a pixel, too
_LIBRARIES = ("pillow", "numpy", "pydicom", "pylibjpeg-openjpeg", "pyjpegls", "nibabel", "tifffile")
_UNFINISHED = ".new"
_KEPT = 30 * 24 * 3600  # seconds; a pack that no study on this disk has, and none asked for that long, is removed


@dataclass(frozen=True)
class Packed:
    """The pixels of a source's readable images, and what was measured on each."""

    folder: Path  # in the cache; holds pixels.npy, (n, side, side, 1 or 3) uint8, and masks.npy, (m, side, side) bool
    rows: list[int]  # where the image of each row of pixels.npy stands in the source
    facts: list[ImageFacts]  # a row each
    masks: dict[int, int]  # row of pixels.npy -> row of masks.npy
    empty_masks: list[int]  # rows of pixels.npy
    grey_masks: list[int]  # those of more than black and white, rows of pixels.npy
    unreadable: list[tuple[int, str]]  # where in the source, and why
    away: Mapping[int, str] = field(default_factory=dict)  # those of them that the cache knows nothing of

    @cached_property
    def lesions(self) -> NDArray[np.bool_]:
        array: NDArray[np.bool_] = np.load(self.folder / MASKS, mmap_mode="r")
        return array

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        array: NDArray[np.uint8] = np.load(self.folder / PIXELS, mmap_mode="r")
        return array

    def place(self, name: str, target: Path) -> None:
        """Put a file of the cache into a study: the very file where both are on one disk, else a copy."""
        if name == ENTRIES and self.away:  # the study alone says what was left out for no fault of the file
            runs.write_text(target, "".join(self._lines()))
            return
        with runs.disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.unlink(missing_ok=True)
                target.hardlink_to(self.folder / name)
            except OSError:  # another disk, or one without links; what a full disk says comes from the copy
                with runs.writing(target, "wb") as file, (self.folder / name).open("rb") as kept:
                    shutil.copyfileobj(kept, file)

    def _lines(self) -> Iterator[str]:
        """The journal with a line for each image that was left out."""
        kept = iter((self.folder / ENTRIES).read_text(encoding="utf-8").splitlines(keepends=True))
        for row in range(len(self.rows) + len(self.unreadable)):
            yield json.dumps({"unreadable": self.away[row]}) + "\n" if row in self.away else next(kept)

    def among(self, rows: Sequence[int], away: Mapping[int, str]) -> Packed:
        """The same where the images that were packed stand at these rows of a source, and others were left out."""
        unreadable = [(rows[row], reason) for row, reason in self.unreadable]
        return replace(
            self, rows=[rows[row] for row in self.rows], unreadable=sorted([*unreadable, *away.items()]), away=away
        )


def packed(
    source: Source, settings: Images, advance: Advance = lambda count: None, skip_unreadable: bool = False
) -> Packed:
    """Decode, measure and make square all images of a source, or find them done: the same files are decoded once.

    `advance` is called with the number of images done. Of several processes one decodes and the others wait. What was
    decoded before an interruption or a kill is kept. What cannot be read for no fault of the file (disk, network,
    memory, permissions) is never kept as unreadable: raises FoveateError that lists it or, with `skip_unreadable` and
    where permission or the file is missing, leaves it out of this pack alone. Raises FoveateError where the cache
    cannot be written, and where a file is changed meanwhile.
    """
    states = freshness.listing(source)
    reached = reach(source, skip_unreadable)
    place = cache_folder() / "packs" / _key(reached.source, settings, reached.hashes)
    with runs.disk_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locks.held(place.with_name(f"{place.name}.lock"), "--cache"):
            if place.is_dir():
                advance(len(reached.rows))
            else:
                _forget(place.parent)
                unfinished = _build(place, reached, settings, advance)
                if freshness.listing(source) != states:  # what was decoded may not be what was hashed
                    shutil.rmtree(unfinished)
                    raise FoveateError(f"a file in {source.folder} was changed while it was read: start again.")
                unfinished.replace(place)
            os.utime(place)
    if reached.away:
        advance(len(reached.away))
    return read(place).among(reached.rows, reached.away)


def _key(source: Source, settings: Images, hashes: Mapping[Path, str]) -> str:
    """The name of a pack: it changes with the content of a file, with their order, and with how they are decoded."""
    versions = [_version(name) for name in _LIBRARIES]
    digest = hashlib.sha256(repr((_VERSION, versions, settings.pixels, settings.fit, settings.channels)).encode())
    for image in source.images:
        file = file_of(source, image)
        member = image.path.removeprefix(file.relative_to(source.folder).as_posix())  # of several pictures in a file
        mask = hashes[Path(image.mask)] if image.mask else ""
        digest.update(f"\n{hashes[file]} {member} {mask}".encode())
    return digest.hexdigest()[:32]


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _build(place: Path, reached: Reached, settings: Images, advance: Advance) -> Path:
    """Decode what is not decoded yet; the folder. After each chunk its journal says what the arrays hold.

    Raises FoveateError at the first image that cannot be reached; those before it are kept.
    """
    unfinished = place.with_name(place.name + _UNFINISHED)
    entries = _whole_entries(unfinished)
    if not entries:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
    side = settings.pixels
    advance(len(entries))
    done = _rows_of(entries)
    with (
        GrowingArray(unfinished / PIXELS, (side, side, 1), np.uint8, done[PIXELS]) as pixels,
        GrowingArray(unfinished / MASKS, (side, side), np.bool_, done[MASKS]) as masks,
        (unfinished / ENTRIES).open("a", encoding="utf-8") as journal,
    ):
        number = len(entries)
        for whole_chunk in _decoded(reached, settings, number):
            chunk = list(itertools.takewhile(lambda own: own.away is None, whole_chunk))
            if settings.channels == 3 and pixels.shape[-1] == 1 and any(own.colour for own in chunk):
                pixels.widen(3)  # grey until the first colour image: a third of the bytes
            for own in chunk:
                if own.pixels is not None:
                    pixels.append(as_channels(own.pixels, pixels.shape[-1]))
                if own.mask is not None and own.mask.any():
                    masks.append(own.mask)
            pixels.flush()
            masks.flush()
            journal.writelines(json.dumps(own.entry) + "\n" for own in chunk)
            journal.flush()
            advance(len(chunk))
            away = {row: own.away for row, own in enumerate(whole_chunk, number) if own.away is not None}
            if away:
                refuse(reached.source, away)
            number += len(chunk)
        os.fsync(journal.fileno())
    return unfinished


def _whole_entries(unfinished: Path) -> list[dict[str, Any]]:
    """What the journal of an interrupted build says; nothing where the arrays hold less than that."""
    journal = unfinished / ENTRIES
    if not journal.is_file():
        return []
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        return []  # cut off in the middle of a line: rare enough to begin anew
    try:
        entries: list[dict[str, Any]] = [load_json(line) for line in lines]
    except WrongDocumentError:
        return []
    whole = all(GrowingArray.holds(unfinished / name, count) for name, count in _rows_of(entries).items())
    return entries if whole else []


def _rows_of(entries: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many rows each array holds, by the journal."""
    return {PIXELS: sum("facts" in own for own in entries), MASKS: sum(own.get("mask", False) for own in entries)}


@dataclass(frozen=True)
class _Decoded:
    """One image on its way into the pack."""

    entry: dict[str, Any]  # its line in the journal
    pixels: NDArray[np.uint8] | None = None  # (side, side[, 3]); None where it cannot be read
    mask: NDArray[np.bool_] | None = None
    away: UnreachableImageError | None = None  # why it cannot be read now, though it may be whole

    @property
    def colour(self) -> bool:
        return self.pixels is not None and self.pixels.ndim == 3


def _decoded(reached: Reached, settings: Images, start: int) -> Iterator[list[_Decoded]]:
    """The images from the number `start` on, in the order of the source, in chunks."""
    source = reached.source

    def one(image: SourceImage) -> _Decoded:
        try:
            return whole(image)
        except UnreachableImageError as error:
            return _Decoded({}, away=error)
        except UnreadableImageError as error:
            return _Decoded({"unreadable": str(error)})

    def whole(image: SourceImage) -> _Decoded:
        file = file_of(source, image)
        try:
            decoded = open_image(source, image)
            pixels = _mask_of(image, decoded) if image.mask else None
            entry: dict[str, Any] = {"facts": vars(facts_of(file, decoded, reached.hashes[file]))}
            if decoded.is_reduced and settings.pixels > ENOUGH:
                decoded = open_image(source, image, settings.pixels)
            small = square(decoded.pixels, settings.pixels, settings.fit)
        except (OSError, MemoryError) as error:
            raise fault(error) from None
        if pixels is None:
            return _Decoded(entry, small)
        mask = lesion_masks.squared(pixels, settings.pixels, settings.fit)
        return _Decoded(entry | {"mask": bool(mask.any()), "grey": lesion_masks.is_grey(pixels)}, small, mask)

    return in_threads(one, source.images[start:])


def _mask_of(image: SourceImage, decoded: Decoded) -> NDArray[np.uint8]:
    try:
        return lesion_masks.read_mask(Path(image.mask), (decoded.height, decoded.width))
    except UnreachableImageError as error:
        error.args = (f"its mask {error}",)
        raise
    except UnreadableImageError as error:
        raise UnreadableImageError(f"its mask {error}") from None


def read(place: Path) -> Packed:
    """A pack from its folder in the cache, or from the pack/ of a study that it was placed in."""
    rows: list[int] = []
    facts: list[ImageFacts] = []
    masks: dict[int, int] = {}
    empty: list[int] = []
    grey: list[int] = []
    unreadable: list[tuple[int, str]] = []
    for number, line in enumerate((place / ENTRIES).read_text(encoding="utf-8").splitlines()):
        try:
            entry = load_json(line)
        except WrongDocumentError as error:
            raise FoveateError(
                f"{place / ENTRIES}, line {number + 1}: {error}. Remove {place} and start again."
            ) from error
        if "unreadable" in entry:
            unreadable.append((number, entry["unreadable"]))
            continue
        if entry.get("grey"):
            grey.append(len(rows))
        if entry.get("mask") is False:
            empty.append(len(rows))
        elif entry.get("mask"):
            masks[len(rows)] = len(masks)
        rows.append(number)
        facts.append(ImageFacts(**entry["facts"]))
    return Packed(place, rows, facts, masks, empty, grey, unreadable)


def _forget(packs: Path) -> None:
    """Remove packs that were not asked for of late and whose pixels no study on this disk shares."""
    oldest = time.time() - _KEPT
    for place in packs.iterdir():
        pixels = place / PIXELS
        if place.is_dir() and place.stat().st_mtime < oldest and not (pixels.exists() and pixels.stat().st_nlink > 1):
            shutil.rmtree(place, ignore_errors=True)
