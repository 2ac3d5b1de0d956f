"""A folder of images becomes a list of them, with labels, and patient, split and mask where they are known."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from foveate.data.decoders import EXTENSIONS
from foveate.errors import FoveateError

SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class SourceImage:
    """One image of a source, not yet opened."""

    path: str  # relative to the source's folder, with /
    label: str
    patient: str = ""
    split: str = ""  # the archive's own: train, val or test
    mask: str = ""  # absolute path of its lesion mask


@dataclass(frozen=True)
class Source:
    """What a folder holds."""

    folder: Path
    images: list[SourceImage]
    ignored: list[str] = field(default_factory=list)  # files that are no part of it, relative paths

    @property
    def labels(self) -> dict[str, int]:
        """Images a label, sorted by label."""
        names = [image.label for image in self.images]
        return {label: names.count(label) for label in sorted(set(names))}


def read_source(folder: str | Path, masks: str | Path | None = None) -> Source:
    """List the images of a folder: its manifest.csv where it has one, else one sub-folder a class.

    The class folders may stand below folders named like train and test. `masks` is a folder that mirrors the
    images' folder, with PNGs. Raises FoveateError that says what is wrong and what would be right.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FoveateError(f"{folder} does not exist: give the folder that holds one sub-folder a class.")
    if not folder.is_dir():
        raise FoveateError(f"{folder} is a file: give the folder that holds one sub-folder a class.")
    source = _from_manifest(folder) if (folder / "manifest.csv").is_file() else _from_folders(folder)
    if not source.images:
        raise FoveateError(f"{folder} holds no images: it needs one sub-folder a class, with image files in each.")
    if len(source.labels) == 1:
        raise FoveateError(f"{folder} holds one class only ({next(iter(source.labels))}): {_two_needed(folder)}")
    return _with_masks(source, Path(masks)) if masks else source


def _two_needed(folder: Path) -> str:
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    if len(inner) == 1:
        below = [entry for entry in inner[0].iterdir() if entry.is_dir()]
        if len(below) >= 2:
            return f"did you mean {inner[0]}?"
    return "two sub-folders are needed, one a class."


def _from_folders(folder: Path) -> Source:
    files = [path.split("/") for path in _files(folder)]
    # train/class/image.png, where every folder at the top is named like a split; else class/image.png
    tops = {parts[0].lower() for parts in files if len(parts) > 1}
    has_splits = tops <= SPLIT_FOLDERS.keys() and any(len(parts) > 2 for parts in files)
    images, ignored = [], []
    for parts in files:
        split = SPLIT_FOLDERS[parts[0].lower()] if has_splits and len(parts) > 1 else ""
        folders = parts[1:-1] if split else parts[:-1]
        if folders and Path(parts[-1]).suffix.lower() in EXTENSIONS:
            images.append(SourceImage("/".join(parts), folders[0], split=split))
        else:
            ignored.append("/".join(parts))
    return Source(folder, images, ignored)


def _files(folder: Path) -> list[str]:
    """All visible files below a folder as relative paths with /, sorted."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        found += [Path(root, name).relative_to(folder).as_posix() for name in names if not name.startswith(".")]
    return sorted(found)


def _from_manifest(folder: Path) -> Source:
    file = folder / "manifest.csv"
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise FoveateError(f"{file} is not a readable table: {error}.") from error
    for column in ("path", "label"):
        if column not in table:
            raise FoveateError(f"{file} has no column {column!r}: it needs path and label.")
    for column in ("patient", "split", "mask"):
        if column not in table:
            table[column] = ""
    images = []
    for number, row in enumerate(table.itertuples(index=False), start=2):
        path, label, split = str(row.path), str(row.label), str(row.split)
        if not path or not label:
            raise FoveateError(f"{file}, line {number}: path and label must not be empty.")
        if split and split.lower() not in SPLIT_FOLDERS:
            raise FoveateError(f"{file}, line {number}: split {split!r} is none of train, val, test.")
        mask = str(folder / str(row.mask)) if row.mask else ""
        images.append(SourceImage(path, label, str(row.patient), SPLIT_FOLDERS.get(split.lower(), ""), mask))
    absent = [image.path for image in images if not (folder / image.path).is_file()]
    if absent:
        raise FoveateError(f"{file} names {len(absent)} files that are not there, the first is {absent[0]}.")
    known = {"manifest.csv", *table["path"], *table["mask"]}
    return Source(folder, images, [path for path in _files(folder) if path not in known])


def _with_masks(source: Source, masks: Path) -> Source:
    """Find each image's mask at the same relative path below the masks' folder, as PNG."""
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
