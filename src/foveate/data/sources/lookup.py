"""The file that a table means: by its path, or by its name without folder or ending where only one file fits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from foveate.data.decoders import is_image
from foveate.data.sources.folders import without_ending
from foveate.errors import FoveateError


class Lookup:
    """Finds the files of a folder as tables name them."""

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        self.folder = folder
        self.files = set(files)
        # What a table may write -> the files that it may mean.
        self.stems, self.names, self.bare = (defaultdict[str, list[str]](list) for _ in range(3))
        for file in files:
            if not is_image(folder / file):
                continue
            name = PurePosixPath(file).name
            self.stems[without_ending(file)].append(file)
            self.names[name].append(file)
            self.bare[without_ending(name)].append(file)

    def find(self, written: str, where: str) -> str:
        """The file's path relative to the folder; '' where there is none.

        Raises FoveateError, beginning with `where`, for a path that leads out of the folder and for a name that
        fits several files.
        """
        path = self._inside(written, where)
        if path in self.files or self._lies_inside(path):
            return path
        candidates = self.stems[path]
        if "/" not in path:
            candidates = candidates or self.names[path] or self.bare[path]
        if len(candidates) > 1:
            raise FoveateError(
                f"{where}: {written!r} may be {candidates[0]} or {candidates[1]}: write it with its folder and ending."
            )
        return candidates[0] if candidates else ""

    def _lies_inside(self, path: str) -> bool:
        """Whether this is a file that the listing leaves out: a hidden one, or one behind a link within the folder."""
        file = self.folder / path
        return file.is_file() and file.resolve().is_relative_to(self.folder.resolve())

    def elsewhere(self, written: str) -> str:
        """A file of the same name in another folder, for a hint; '' where there is none."""
        name = PurePosixPath(written.replace("\\", "/")).name
        return next(iter(self.names[name] or self.bare[name]), "")

    def _inside(self, written: str, where: str) -> str:
        """The path with /, relative to the folder. Raises FoveateError where it leads out."""
        path = PurePosixPath(written.replace("\\", "/"))
        absolute = path.is_absolute() or bool(PureWindowsPath(written).drive)
        if absolute and path.is_relative_to(self.folder.as_posix()):
            path, absolute = path.relative_to(self.folder.as_posix()), False
        if absolute or ".." in path.parts:
            raise FoveateError(f"{where}: {written!r} leads out of {self.folder}: paths are relative to that folder.")
        return path.as_posix()
