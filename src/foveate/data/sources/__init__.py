"""A folder, a table, a zip or a MedMNIST file becomes a list of images, with labels, and patient, split, mask and site
where they are known. Nothing is ever written where the data lie."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from foveate.config.dataset import Dataset
from foveate.data.cards import CARDS
from foveate.data.decoders import ENOUGH, decode
from foveate.data.pixels import Decoded
from foveate.data.sources import labels
from foveate.data.sources.archives import unpacked
from foveate.data.sources.file_names import refuse_unclear_names
from foveate.data.sources.folders import from_folders, only_folder
from foveate.data.sources.listed import from_table
from foveate.data.sources.listing import is_hidden, listing_of, visible_files
from foveate.data.sources.masks import with_masks, without_masks
from foveate.data.sources.medmnist import MEMBER, decode_medmnist, from_medmnist
from foveate.data.sources.rules import from_rules, with_kermany_patients
from foveate.data.sources.source import HIDDEN, NO_CLASS, Source, SourceImage
from foveate.data.sources.tables import ENDINGS
from foveate.data.sources.tally import Tally, said, tally
from foveate.data.sources.volumes import expanded, with_headers
from foveate.errors import FoveateError

__all__ = [
    "Source",
    "SourceImage",
    "Tally",
    "file_of",
    "folder_of",
    "open_image",
    "open_path",
    "read_dataset",
    "read_source",
    "said",
    "tally",
]


def read_source(place: str | Path, masks: str | Path | None = None) -> Source:
    """List the images of a folder: its manifest.csv where it has one, else one sub-folder a class; or those of a zip
    of such a folder, or of a MedMNIST .npz.

    `masks` is a folder that mirrors the images' folder, with PNGs. Raises FoveateError that says what is wrong and
    what would be right.
    """
    return read_dataset(Dataset(masks=None if masks is None else str(masks)), place)


def read_dataset(dataset: Dataset, place: str | Path | None = None) -> Source:
    """List the images of a study's data set, as its table, rules and merge say.

    `place` is where they lie, if not at the data set's source. Raises FoveateError that says what is wrong and what
    would be right.
    """
    place = Path(place if place is not None else dataset.source or "")
    try:
        return _read_dataset(dataset, place)
    except OSError as error:  # of a disk or a network, wherever it strikes: what was found so far is not all
        raise FoveateError(
            f"cannot read {error.filename or place}: {error.strerror or error}. Once it can be, start the same command "
            "again."
        ) from error


def _read_dataset(dataset: Dataset, place: Path) -> Source:
    source = _with_the_rest(place, _read(place, dataset))
    if dataset.masks:
        source = without_masks(source, Path(dataset.masks))
    if not source.images:
        loose = sum(why == NO_CLASS for why in source.left_out.values())
        holds = f"{loose:,} images, but in no class folder" if loose else "no images"
        raise FoveateError(f"{place} holds {holds}: it needs one sub-folder a class, with image files in each.")
    source = labels.check(labels.merged(source, dataset.merge, str(place)), str(place))
    if len(source.labels) == 1:
        raise FoveateError(f"{place} holds one class only ({next(iter(source.labels))}): {_two_needed(source.folder)}")
    source = with_headers(expanded(source))
    refuse_unclear_names(source)
    return with_masks(source, Path(dataset.masks)) if dataset.masks else source


def folder_of(dataset: Dataset) -> Path:
    """What the paths of a data set's images are relative to, without listing them; where nothing lies, its source.

    Raises FoveateError for a zip that cannot be unpacked.
    """
    place = Path(dataset.source or "")
    if place.suffix.lower() == ".zip" and place.is_file():
        place = _unzipped(place)
    if place.is_file():
        return place.parent
    listed = dataset.table or (place / "manifest.csv").is_file()
    return only_folder(place) if dataset.rules and not listed and place.is_dir() else place


def open_image(source: Source, image: SourceImage, least: int = ENOUGH) -> Decoded:
    """One image's pixels, as `decode` gives them. Raises UnreadableImageError that says why it cannot be read."""
    if image.member and MEMBER.search(image.path):
        return decode_medmnist(source.folder, image.path)
    return decode(file_of(source, image), int(image.member[1:]) if image.member else None, least)


def open_path(folder: Path, path: str, least: int = ENOUGH) -> Decoded:
    """The pixels of an image by its path as it stands in a manifest. Raises UnreadableImageError."""
    return open_image(Source(folder, []), SourceImage(path, "", member=_member(folder, path)), least)


def _member(folder: Path, path: str) -> str:
    """The end of a path that is no file's name but a picture's number; a file whose name ends so is itself."""
    found = MEMBER.search(path) or re.search(r"#\d+$", path)
    return found[0] if found and not (folder / path).exists() else ""


def file_of(source: Source, image: SourceImage) -> Path:
    """The file on disk that holds an image: several images may share one, as in a MedMNIST file or a volume."""
    return source.folder / image.file


def _with_the_rest(place: Path, source: Source) -> Source:
    """The source with the files that lie beside the one folder which holds all the rest: they are all hidden."""
    top = unpacked(place) if place.suffix.lower() == ".zip" and place.is_file() else place
    if not top.is_dir() or (top == source.folder and source.left_out):
        return source
    listing, known = listing_of(top), {image.file for image in source.images}
    seen = [
        Path(os.path.relpath(top / path, source.folder)).as_posix() for path in (*listing.visible, *listing.left_out)
    ]
    rest = {path: HIDDEN for path in seen if path not in known and path not in source.left_out}
    return replace(source, left_out=source.left_out | rest)


def _read(place: Path, dataset: Dataset) -> Source:
    """What lies at a place, before its labels are looked at."""
    if not place.exists():
        raise FoveateError(f"{place} does not exist: give the folder that holds one sub-folder a class.")
    if place.is_file():
        return _read_file(place, dataset)
    manifest = place / "manifest.csv"
    if dataset.table:
        return _with_table(place, dataset)
    if manifest.is_file():
        source = from_table(place, manifest)
        return with_kermany_patients(source) if dataset.rules == "cxr" else source
    if dataset.rules:
        source = from_rules(only_folder(place), dataset.rules)
        differences = CARDS[dataset.rules].differences(source.images)
        said = [f"not as on the data card of {dataset.rules}: {line}" for line in differences]
        return replace(source, warnings=[*source.warnings, *said])
    return from_folders(place)


def _read_file(file: Path, dataset: Dataset) -> Source:
    match file.suffix.lower():
        case ".zip":
            return _read(_unzipped(file), dataset)
        case ".npz":
            return _read_npz(file, dataset)
        case ending if ending in ENDINGS:
            raise FoveateError(f"{file} is a table: give the folder of its images as source, and this as table.")
        case _:
            raise FoveateError(
                f"{file} is a file: give the folder that holds one sub-folder a class, a .zip of it, or a MedMNIST "
                ".npz."
            )


def _unzipped(file: Path) -> Path:
    """The folder that a zip holds, or its only .npz."""
    folder = only_folder(unpacked(file))
    entries = [entry for entry in folder.iterdir() if not is_hidden(entry.name)]
    return entries[0] if len(entries) == 1 and entries[0].suffix.lower() == ".npz" else folder


def _read_npz(file: Path, dataset: Dataset) -> Source:
    if dataset.table or dataset.rules:
        key = "table" if dataset.table else "rules"
        raise FoveateError(f"{file} holds its labels and split itself: leave out {key}.")
    return from_medmnist(file)


def _with_table(folder: Path, dataset: Dataset) -> Source:
    """A table is looked for where the study says, else by its name in the folder: a zip may hold it."""
    tables = []
    for named in (dataset.table, dataset.label_table):
        file = Path(named) if named else None
        if file and not file.is_file():
            inside = [path for path in visible_files(folder) if PurePosixPath(path).name == file.name]
            file = folder / inside[0] if len(inside) == 1 else file
        tables.append(file)
    table, label_table = tables
    assert table is not None
    return from_table(folder, table, dataset.columns, label_table, dataset.label_columns)


def _two_needed(folder: Path) -> str:
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    if len(inner) == 1:
        below = [entry for entry in inner[0].iterdir() if entry.is_dir()]
        if len(below) >= 2:
            return f"did you mean {inner[0]}?"
    return "two sub-folders are needed, one a class."
