"""A folder, a table, a zip or a MedMNIST file becomes a list of images, with labels, and patient, split, mask and site
where they are known. Nothing is ever written where the data lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from foveate.config.dataset import Dataset
from foveate.data.cards import CARDS
from foveate.data.decoders import ENOUGH, decode
from foveate.data.pixels import Decoded
from foveate.data.sources import labels
from foveate.data.sources.archives import unpacked
from foveate.data.sources.folders import from_folders, only_folder, visible_files
from foveate.data.sources.listed import from_table
from foveate.data.sources.masks import with_masks
from foveate.data.sources.medmnist import MARK, decode_medmnist, from_medmnist
from foveate.data.sources.rules import from_rules, with_kermany_patients
from foveate.data.sources.source import Source, SourceImage
from foveate.data.sources.tables import ENDINGS
from foveate.data.sources.volumes import expanded, with_headers
from foveate.errors import FoveateError

__all__ = ["Source", "SourceImage", "file_of", "folder_of", "open_image", "open_path", "read_dataset", "read_source"]


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
    source = _read(place, dataset)
    if not source.images:
        raise FoveateError(f"{place} holds no images: it needs one sub-folder a class, with image files in each.")
    source = labels.check(labels.merged(source, dataset.merge, str(place)), str(place))
    if len(source.labels) == 1:
        raise FoveateError(f"{place} holds one class only ({next(iter(source.labels))}): {_two_needed(source.folder)}")
    source = with_headers(expanded(source))
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
    return open_path(source.folder, image.path, least)


def open_path(folder: Path, path: str, least: int = ENOUGH) -> Decoded:
    """The pixels of an image by its path as it stands in a manifest. Raises UnreadableImageError."""
    if MARK in path:
        return decode_medmnist(folder, path)
    file = _file(folder, path)
    return decode(file, int(path.rpartition("#")[2]) if file != folder / path else None, least)


def file_of(source: Source, image: SourceImage) -> Path:
    """The file on disk that holds an image: several images may share one, as in a MedMNIST file or a volume."""
    return _file(source.folder, image.path)


def _file(folder: Path, path: str) -> Path:
    whole, mark, _ = path.rpartition("#")
    return folder / whole if mark and not (folder / path).exists() else folder / path


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
    entries = list(folder.iterdir())
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
    source = from_table(folder, table, dataset.columns, label_table, dataset.label_columns)
    return replace(source, ignored=[path for path in source.ignored if path != "manifest.csv"])


def _two_needed(folder: Path) -> str:
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    if len(inner) == 1:
        below = [entry for entry in inner[0].iterdir() if entry.is_dir()]
        if len(below) >= 2:
            return f"did you mean {inner[0]}?"
    return "two sub-folders are needed, one a class."
