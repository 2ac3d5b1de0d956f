"""Class folders become a list of images, with the split where folders are named like one."""

from __future__ import annotations

import os
from pathlib import Path

from foveate.data.decoders import EXTENSIONS, is_image
from foveate.data.sources.source import SPLIT_NAMES, Source, SourceImage
from foveate.errors import FoveateError


def from_folders(folder: Path) -> Source:
    """One sub-folder a class; train and test folders may stand above the classes or within each.

    Where train and test stand beside other folders, the others are ignored: archives often pack a second copy.
    Raises FoveateError where a link leads out of the folder.
    """
    files = visible_files(folder)
    pictures = [path.split("/") for path in files if is_image(folder / path)]
    above, within = _splits_above(pictures), _splits_within(pictures)
    images = [image for parts in pictures if (image := _image(parts, above, within))]
    known = {image.path for image in images}
    return Source(folder, images, [path for path in files if path not in known])


def _image(parts: list[str], above: bool, within: bool) -> SourceImage | None:
    """The image at this path, or None where no folder says its class."""
    folders, split = parts[:-1], ""
    if above and folders:
        split = SPLIT_NAMES.get(folders[0].lower(), "")
        folders = folders[1:] if split else []
    elif within and folders:
        split = SPLIT_NAMES[folders[1].lower()]
    return SourceImage("/".join(parts), folders[0], split=split) if folders else None


def _splits_above(pictures: list[list[str]]) -> bool:
    """Whether this is train/class/image.png: all folders at the top are splits, or train and another split are."""
    tops = {parts[0].lower() for parts in pictures if len(parts) > 1}
    splits = {SPLIT_NAMES[parts[0].lower()] for parts in pictures if len(parts) > 2 and parts[0].lower() in SPLIT_NAMES}
    return bool(splits) and (tops <= SPLIT_NAMES.keys() or ("train" in splits and len(splits) > 1))


def _splits_within(pictures: list[list[str]]) -> bool:
    """Whether this is class/train/image.png, for every image."""
    deep = [parts for parts in pictures if len(parts) > 1]
    return bool(deep) and all(len(parts) > 2 and parts[1].lower() in SPLIT_NAMES for parts in deep)


def without_ending(name: str) -> str:
    """A path without an image's ending. Names with other dots, such as 2020.03.22.20040782-p25, stay whole."""
    endings = [ending for ending in EXTENSIONS if name.lower().endswith(ending)]
    return name[: -len(max(endings, key=len))] if endings else name


def visible_files(folder: Path) -> list[str]:
    """All visible files below a folder as relative paths with /, sorted.

    Links to folders are not followed. Raises FoveateError for a link that leads out of the folder, and for a folder
    that cannot be read.
    """
    found = []
    for root, folders, names in os.walk(folder, onerror=_refuse_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        visible = [name for name in names if not name.startswith(".")]
        _refuse_links_out(folder, Path(root), [*folders, *visible])
        found += [Path(root, name).relative_to(folder).as_posix() for name in visible]
    return sorted(found)


def _refuse_unreadable(error: OSError) -> None:
    raise FoveateError(f"cannot read {error.filename}: {error.strerror}.") from error


def _refuse_links_out(folder: Path, place: Path, names: list[str]) -> None:
    for name in names:
        path = place / name
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise FoveateError(
                f"{path} is a link to {path.resolve()}, outside of {folder}: put the file itself there, or give the "
                "folder that holds it."
            )


def only_folder(folder: Path) -> Path:
    """Where things begin: an archive often holds one folder that holds all the rest."""
    while True:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.name != "__MACOSX"]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].is_symlink():
            return folder
        if entries[0].name.lower() in SPLIT_NAMES:
            return folder
        inner = list(entries[0].iterdir())
        if not any(entry.is_dir() or entry.suffix.lower() in (".csv", ".npz") for entry in inner):
            return folder  # a class with its images
        folder = entries[0]
