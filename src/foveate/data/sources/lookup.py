"""The file that a table means: by its path, or by its name without folder or ending where only one file fits."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from foveate.data.sources.listing import is_picture, without_ending
from foveate.data.sources.source import printable
from foveate.errors import FoveateError

Fold = Callable[[str], str]


def composed(name: str) -> str:
    """A name with its accents as one sign each (NFC): macOS stores them apart from their letters."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """A name without regard to how its accents are stored, and to capital letters."""
    return composed(composed(name).casefold())


def as_written(name: str) -> str:
    return name


FOLDS: tuple[Fold, ...] = (as_written, composed, folded)  # tried one after the other: the first that finds is right


class Lookup:
    """Finds the files of a folder as tables name them."""

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        self.folder = folder
        self.files = set(files)
        self.pictures = [file for file in files if is_picture(folder / file)]
        self._tables: dict[Fold, _Names] = {}

    def find(self, written: str, where: str) -> str:
        """The file's path relative to the folder; '' where there is none.

        Accents stored in another way and capital letters written small, or the other way round, are no other name
        where only one file fits. Raises FoveateError, beginning with `where`, for a path that leads out of the folder
        and for a name that fits several files.
        """
        if written in self.files:
            return written
        path = self._inside(written, where)
        if path in self.files:
            return path
        if self._lies_inside(path):
            return self._listed(path)
        found = next((files for fold in FOLDS if (files := self._names(fold).anywhere(fold(path)))), [])
        return _only(found, written, where)

    def mirrored(self, path: str, where: str) -> str:
        """The file at this very path, with or without its ending; '' where there is none.

        Raises FoveateError, beginning with `where`, where several fit.
        """
        found = next((files for fold in FOLDS if (files := self._names(fold).here(fold(path)))), [])
        return _only(found, path, where)

    def _names(self, fold: Fold) -> _Names:
        if fold not in self._tables:
            self._tables[fold] = _Names(self.pictures, fold)
        return self._tables[fold]

    def _lies_inside(self, path: str) -> bool:
        """Whether this is a file that the listing leaves out: a hidden one, or one behind a link within the folder."""
        file = self.folder / path
        return file.is_file() and file.resolve().is_relative_to(self.folder.resolve())

    def _listed(self, path: str) -> str:
        """The path under which a file is listed, where this leads there through a link to a folder."""
        real = (self.folder / path).resolve().relative_to(self.folder.resolve()).as_posix()
        return real if real in self.files else path

    def elsewhere(self, written: str) -> str:
        """A file in another folder, of another ending or with zeros before its number, for a hint; '' for none."""
        name = PurePosixPath(written.replace("\\", "/")).name
        names, bare = self._names(folded), folded(without_ending(name))
        found = names.names[folded(name)] or names.bare[bare]
        if not found and bare.isdecimal():  # a spreadsheet makes 7 of 007
            found = [path for key, paths in names.bare.items() if key.lstrip("0") == bare.lstrip("0") for path in paths]
        return printable(found[0]) if found else ""

    def _inside(self, written: str, where: str) -> str:
        """The path with /, relative to the folder. Raises FoveateError where it leads out."""
        path = PurePosixPath(written.replace("\\", "/"))
        absolute = path.is_absolute() or bool(PureWindowsPath(written).drive)
        if absolute and path.is_relative_to(self.folder.as_posix()):
            path, absolute = path.relative_to(self.folder.as_posix()), False
        if absolute or ".." in path.parts:
            raise FoveateError(f"{where}: {written!r} leads out of {self.folder}: paths are relative to that folder.")
        return path.as_posix()


class _Names:
    """What a table may write -> the files that it may mean."""

    def __init__(self, files: Sequence[str], fold: Fold) -> None:
        self.paths, self.stems, self.names, self.bare = (defaultdict[str, list[str]](list) for _ in range(4))
        for file in files:
            name = PurePosixPath(file).name
            self.paths[fold(file)].append(file)
            self.stems[fold(without_ending(file))].append(file)
            self.names[fold(name)].append(file)
            self.bare[fold(without_ending(name))].append(file)

    def here(self, path: str) -> list[str]:
        return self.paths.get(path) or self.stems.get(path) or []

    def anywhere(self, path: str) -> list[str]:
        found = self.here(path)
        if not found and "/" not in path:
            found = self.names.get(path) or self.bare.get(path) or []
        return found


def _only(found: Sequence[str], written: str, where: str) -> str:
    """The one file that fits; '' for none. Raises FoveateError for several."""
    if len(found) > 1:
        first, second = map(printable, found[:2])
        raise FoveateError(f"{where}: {written!r} may be {first} or {second}: write it with its folder and ending.")
    return found[0] if found else ""
