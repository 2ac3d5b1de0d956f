"""What is wrong with a data set: duplicates, patients on both sides, shortcuts, images that show nothing.

`inspect` takes what is decoded and measured already, so that the preparation of a study and `foveate data audit` find
the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from foveate.data.duplicates import Grey, Tally, Twins, find_twins, seen_before, tally
from foveate.data.image_facts import ImageFacts
from foveate.data.shortcuts import Shortcuts, find_shortcuts, measured
from foveate.data.sources import SourceImage

SPLITS = ("train", "val", "test")
SMALL = 64  # pixels, shorter side; below that little of an organ is left
_REPEATED = (("test", "train"), ("val", "train"), ("test", "val"))  # what must not stand in what


@dataclass(frozen=True)
class Repeated:
    """Images of one part of the archive's own split whose picture stands in another part, too."""

    of: str
    where: str
    images: int  # in the part `of`
    identical: list[int]  # rows, by their pixels
    near: list[int]  # rows: those, and the nearly identical ones


@dataclass(frozen=True)
class Identity:
    """Whom images belong to, by one column: the patient, or another key that manifest.csv names."""

    column: str
    ids: int
    images: int  # that have one
    both_sides: list[str]  # ids with images in more than one part of the archive's own split


@dataclass(frozen=True)
class Findings:
    """All of it; rows are positions in `images`."""

    images: list[SourceImage]
    facts: list[ImageFacts]
    outcome: list[str]  # what the shortcuts are set against: the label, or the class it belongs to
    twins: Twins
    files: Tally
    pixels: Tally
    near: Tally
    repeated: list[Repeated]
    identities: list[Identity]  # the patient first
    shortcuts: Shortcuts
    recorded: Shortcuts | None  # of the originals, as manifest.csv records them
    constant: list[int] = field(default_factory=list)
    small: list[int] = field(default_factory=list)

    @property
    def splits(self) -> list[str]:
        """The parts of the archive's own split that hold images, in order."""
        known = {image.split for image in self.images}
        return [split for split in SPLITS if split in known]

    @property
    def patients(self) -> Identity:
        return self.identities[0]

    @property
    def scalings(self) -> dict[str, dict[str, int]]:
        """How stored numbers became 0..255 (`foveate.data.scaling`), the commonest first -> label -> images."""
        rules = [own.scaling for own in self.facts]
        labels = sorted({image.label for image in self.images})
        both = Counter(zip(rules, (image.label for image in self.images), strict=True))
        return {rule: {label: both[rule, label] for label in labels} for rule, _ in Counter(rules).most_common()}

    def labels_of(self, cluster: Sequence[int]) -> list[str]:
        return sorted({self.images[row].label for row in cluster})

    def splits_of(self, cluster: Sequence[int]) -> list[str]:
        known = {self.images[row].split for row in cluster}
        return [split for split in SPLITS if split in known]


def inspect(
    images: Sequence[SourceImage],
    facts: Sequence[ImageFacts],
    grey: Grey,
    outcome: Sequence[str] | None = None,
    keys: Mapping[str, Sequence[str]] | None = None,
    recorded: pd.DataFrame | None = None,
) -> Findings:
    """Find out about readable images: `facts` row by row, `grey(row)` a (256, 256) uint8 copy where it is asked for.

    `outcome` is what shortcuts are set against (default: the labels), `keys` are further columns that name whom an
    image belongs to, `recorded` what manifest.csv tells of the originals (columns of `shortcuts.measured`).
    """
    twins = find_twins(facts, grey)
    splits, labels = [image.split for image in images], [image.label for image in images]
    patients = [image.patient for image in images]
    groups = twins.groups(patients)
    table = measured(facts)
    if any(image.site for image in images):
        table["site"] = [image.site for image in images]
    known = list(outcome if outcome is not None else labels)
    return Findings(
        images=list(images),
        facts=list(facts),
        outcome=known,
        twins=twins,
        files=tally(twins.files, splits, labels, patients),
        pixels=tally(twins.pixels, splits, labels, patients),
        near=tally(twins.near, splits, labels, patients),
        repeated=[
            Repeated(
                of,
                where,
                splits.count(of),
                seen_before(twins.pixels, splits, of, where),
                seen_before(twins.near, splits, of, where),
            )
            for of, where in _REPEATED
            if of in splits and where in splits
        ],
        identities=[_identity(column, ids, splits) for column, ids in {"patient": patients, **(keys or {})}.items()],
        shortcuts=find_shortcuts(table, known, groups),
        recorded=None if recorded is None else find_shortcuts(recorded, known, groups),
        constant=[row for row, own in enumerate(facts) if own.constant],
        small=[row for row, own in enumerate(facts) if min(own.width, own.height) < SMALL],
    )


def _identity(column: str, ids: Sequence[str], splits: Sequence[str]) -> Identity:
    where: dict[str, set[str]] = defaultdict(set)
    for own, split in zip(ids, splits, strict=True):
        if own:
            where[own].add(split)
    both = sorted(own for own, parts in where.items() if len(parts - {""}) > 1)
    return Identity(column, len(where), sum(map(bool, ids)), both)
