"""What a source holds: its images and what is known of them, before any is opened."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class SourceImage:
    """One image of a source, not yet opened."""

    path: str  # relative to the source's folder, with /; of one among several pictures in a file with # and its number
    label: str
    patient: str = ""
    split: str = ""  # the archive's own: train, val or test
    mask: str = ""  # absolute path of its lesion mask
    site: str = ""  # hospital or device


@dataclass(frozen=True)
class Source:
    """What a folder, a table, an archive or a MedMNIST file holds."""

    folder: Path  # what the images' paths are relative to; for a zip, its place in the cache
    images: list[SourceImage]
    ignored: list[str] = field(default_factory=list)  # files that are no part of it, relative paths
    warnings: list[str] = field(default_factory=list)  # what a person should know of it, a sentence each
    burned_in: int = 0  # files whose headers say that texts are burned into the pixels

    @property
    def labels(self) -> dict[str, int]:
        """Images a label, sorted by label."""
        return dict(sorted(Counter(image.label for image in self.images).items()))


def first_three(names: list[str]) -> str:
    """Up to three names of a list, for an error that would be too long with all of them."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
