"""Class folders become a list of images, with the split where folders are named like one."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from foveate.data.classes import chosen_by
from foveate.data.sources.listing import is_hidden, is_picture, listing_of
from foveate.data.sources.source import NO_CLASS, NO_IMAGE, SECOND_COPY, SPLIT_NAMES, Source, SourceImage

_PATIENTS = 3  # folders at the top, at least, that patient/class needs


def from_folders(folder: Path) -> Source:
    """One sub-folder a class; train and test folders may stand above the classes or within each.

    Where train and test stand beside other folders, the others are ignored: archives often pack a second copy. Where
    the folders are patients, each with the same two classes in it, they are read as such. Raises FoveateError where a
    link leads out of the folder.
    """
    files = listing_of(folder)
    pictures = [path.split("/") for path in files.visible if is_picture(folder / path)]
    above, within = _splits_above(pictures), _splits_within(pictures)
    left_out = files.left_out | dict.fromkeys(files.visible, NO_IMAGE)
    left_out |= {"/".join(parts): SECOND_COPY if above and len(parts) > 1 else NO_CLASS for parts in pictures}
    if _patients_above(pictures):
        images, warnings = [SourceImage("/".join(parts), parts[1], patient=parts[0]) for parts in pictures], [_READ]
    else:
        images = [image for parts in pictures if (image := _image(parts, above, within))]
        warnings = [] if above else [*_empty_folders(folder, images), *_repeated_below(pictures)]
    for image in images:
        del left_out[image.path]
    return Source(folder, images, left_out, warnings)


_READ = (
    "the folders at the top are numbered and hold the same two classes each: they were read as patients, patient/class"
)


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


def _patients_above(pictures: list[list[str]]) -> bool:
    """Whether this is 10253/0/image.png: three numbered folders or more, in them two names, one of which is healthy.

    Magnifications, sides and years below class folders are no such names: one of two must tell that it is no disease.
    """
    below = _below(pictures)
    names = sorted(set().union(*below.values()))
    numbered = all(any(one.isdigit() for one in top) for top in below)
    repeated = len(names) == 2 and any(len(own) == 2 for own in below.values())
    return len(below) >= _PATIENTS and numbered and repeated and chosen_by(names, ()) == "name"


def _below(pictures: list[list[str]]) -> dict[str, set[str]]:
    """The folders at the top and the folders in each, where every image lies that deep; else nothing."""
    below = defaultdict[str, set[str]](set)
    for parts in pictures:
        if len(parts) < 3:
            return {}
        below[parts[0]].add(parts[1])
    return below


def _repeated_below(pictures: list[list[str]]) -> list[str]:
    """A warning where folders that may be patients were taken for classes."""
    below = _below(pictures)
    names = set().union(*below.values())
    if len(below) < 2 * max(_PATIENTS, len(names)) or {*map(len, below.values())} != {len(names)}:
        return []
    return [
        f"each of the {len(below)} folders at the top counts as a class, and each holds the same {len(names)} folders: "
        "if these are the classes, and those the patients, say so in a manifest.csv with path, label and patient"
    ]


def _empty_folders(folder: Path, images: list[SourceImage]) -> list[str]:
    """A warning where a folder at the top is no class, since no image lies in it."""
    tops = {image.path.split("/")[0] for image in images}
    empty = [entry for entry in folder.iterdir() if entry.is_dir() and not is_hidden(entry.name)]
    count = sum(entry.name not in tops and not entry.is_symlink() for entry in empty)
    verb = "folder at the top gives no class: it holds" if count == 1 else "folders at the top give no class: they hold"
    return [f"{count} {verb} no image that is used"] if count else []


def only_folder(folder: Path) -> Path:
    """Where things begin: an archive often holds one folder that holds all the rest."""
    while True:
        entries = [entry for entry in folder.iterdir() if not is_hidden(entry.name)]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].is_symlink():
            return folder
        if entries[0].name.lower() in SPLIT_NAMES:
            return folder
        inner = list(entries[0].iterdir())
        if not any(entry.is_dir() or entry.suffix.lower() in (".csv", ".npz") for entry in inner):
            return folder  # a class with its images
        folder = entries[0]
