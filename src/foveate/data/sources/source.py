"""What a source holds: its images and what is known of them, before any is opened, and what became of every file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}

# Why a file is no image of the source, as it is said after a number.
HIDDEN = "hidden"
NO_IMAGE = "no image"
NO_CLASS = "in no class folder"
SECOND_COPY = "beside the train and test folders"
NOT_NAMED = "not named by the table"
TABLE = "read as a table"
MASK = "read as a mask"
LINK = "a link to a folder"
AIR = "nearly all air"


@dataclass(frozen=True)
class SourceImage:
    """One image of a source, not yet opened."""

    path: str  # relative to the source's folder, with /; of one among several pictures in a file with # and its number
    label: str
    patient: str = ""
    split: str = ""  # the archive's own: train, val or test
    mask: str = ""  # absolute path of its lesion mask
    site: str = ""  # hospital or device
    member: str = ""  # the end of the path that is no file's name: #3, #train/17; a file's own name may hold a # too

    @property
    def file(self) -> str:
        """The file that holds it, relative to the source's folder."""
        return self.path.removesuffix(self.member)


@dataclass(frozen=True)
class Source:
    """What a folder, a table, an archive or a MedMNIST file holds: every file is an image or left out by a rule."""

    folder: Path  # what the images' paths are relative to; for a zip, its place in the cache
    images: list[SourceImage]
    left_out: dict[str, str] = field(default_factory=dict)  # file that is no part of it, a relative path -> why
    warnings: list[str] = field(default_factory=list)  # what a person should know of it, a sentence each
    empty_slices: int = 0  # of volumes, left out since they are nearly all air
    burned_in: int = 0  # files whose headers say that texts are burned into the pixels

    @property
    def labels(self) -> dict[str, int]:
        """Images a label, sorted by label."""
        return dict(sorted(Counter(image.label for image in self.images).items()))

    @property
    def ignored(self) -> list[str]:
        """The files that nothing is made of, neither hidden ones nor tables and masks that were read."""
        return sorted(path for path, why in self.left_out.items() if why not in (HIDDEN, TABLE, MASK))


def printable(name: str) -> str:
    r"""A file's name as it can be shown in a line: bytes that are no UTF-8 as \xfc, a line end as \n."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def first_three(names: list[str]) -> str:
    """Up to three names of a list, for an error that would be too long with all of them."""
    return ", ".join(map(printable, names[:3])) + (", ..." if len(names) > 3 else "")
