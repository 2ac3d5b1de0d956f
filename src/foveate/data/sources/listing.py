"""Every file below a folder: the visible ones, and those that are hidden."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from foveate.data.decoders import EXTENSIONS, extension, is_image
from foveate.data.sources.source import HIDDEN, LINK
from foveate.errors import FoveateError


@dataclass(frozen=True)
class Listing:
    """Relative paths with /, sorted."""

    visible: list[str]
    left_out: dict[str, str]  # hidden files, and links to folders, which are not followed -> why


def listing_of(folder: Path) -> Listing:
    """All files below a folder. Hidden are names that begin with a dot, what lies below such a folder, and __MACOSX.

    Raises FoveateError for a visible link that leads out of the folder, and for a visible folder that cannot be read.
    """
    visible: list[str] = []
    left_out: dict[str, str] = {}
    for root, folders, names in os.walk(folder, onerror=_refuse_unreadable):
        place = Path(root)
        seen = [name for name in folders if not is_hidden(name)]
        _refuse_links_out(folder, place, [*seen, *(name for name in names if not is_hidden(name))])
        for name in names:
            path = _relative(folder, place, name)
            if is_hidden(name):
                left_out[path] = HIDDEN
            else:
                visible.append(path)
        for name in folders:
            if (place / name).is_symlink():
                left_out[_relative(folder, place, name)] = HIDDEN if is_hidden(name) else LINK
            elif is_hidden(name):
                left_out |= dict.fromkeys(_all_below(folder, place / name), HIDDEN)
        folders[:] = seen
    return Listing(sorted(visible), dict(sorted(left_out.items())))


def visible_files(folder: Path) -> list[str]:
    """All visible files below a folder as relative paths with /, sorted. Raises FoveateError as `listing_of`."""
    return listing_of(folder).visible


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is left out with all that it holds."""
    return name.startswith(".") or name == "__MACOSX"


def is_picture(path: Path) -> bool:
    """Whether a file is an image by its name or beginning; a DICOMDIR begins like one, but is a list of files."""
    return path.stem.upper() != "DICOMDIR" and (extension(path) != "" or (path.is_file() and is_image(path)))


def without_ending(name: str) -> str:
    """A path without an image's ending. Names with other dots, such as 2020.03.22.20040782-p25, stay whole."""
    endings = [ending for ending in EXTENSIONS if name.lower().endswith(ending)]
    return name[: -len(max(endings, key=len))] if endings else name


def _relative(folder: Path, place: Path, name: str) -> str:
    return (place / name).relative_to(folder).as_posix()


def _all_below(folder: Path, hidden: Path) -> list[str]:
    """Files and links below a hidden folder, whatever they are: they are only counted."""
    found = []
    for root, folders, names in os.walk(hidden):
        links = [name for name in folders if Path(root, name).is_symlink()]
        found += [_relative(folder, Path(root), name) for name in [*names, *links]]
    return found


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
