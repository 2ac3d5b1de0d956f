"""What a data set holds and hides: its counts, and the same picture more than once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foveate.data.duplicates import Twins, group_by
from foveate.data.sources import Source, tally
from foveate.data.split import PARTS, TRAIN, VALIDATION


@dataclass(frozen=True)
class Duplicates:
    """Pictures whose pixels are identical; rows are positions in the manifest."""

    groups: list[list[int]]  # rows of each picture that stands more than once
    conflicting: list[list[int]]  # those groups in which the labels differ

    @property
    def surplus(self) -> int:
        """Images that are copies of another one."""
        return sum(len(group) - 1 for group in self.groups)

    def to_remove(self) -> set[int]:
        """Rows that the clean policy leaves out: every copy but the first, and all of a picture with two labels."""
        removed = {row for group in self.groups for row in group[1:]}
        return removed | {row for group in self.conflicting for row in group}


def find_duplicates(pixel_hashes: Sequence[str], labels: Sequence[str]) -> Duplicates:
    """Group images by the hash of their pixels."""
    groups = group_by(pixel_hashes)
    return Duplicates(groups, [group for group in groups if len({labels[row] for row in group}) > 1])


def audit(
    source: Source,
    labels: Sequence[str],
    patients: Sequence[str],
    classes: Mapping[str, Sequence[str]],
    duplicates: Duplicates,
    parts: Sequence[str],
    policy: str,
    unreadable: Sequence[str] = (),
) -> dict[str, Any]:
    """audit.json: what the report says of the data.

    `labels`, `patients` and `parts` are of the readable images, in the order of the manifest; `classes` says
    which labels make a class. A part is '' for an image that the policy leaves out. `unreadable`: paths of the others.
    """
    class_of = {label: name for name, labels in classes.items() for label in labels}
    of_part = {part: [class_of[own] for own, its in zip(labels, parts, strict=True) if its == part] for part in PARTS}
    return {
        "source": str(source.folder),
        "images": len(source.images),
        "labels": source.labels,
        "classes": {name: list(labels) for name, labels in classes.items()},
        "used": sum(bool(part) for part in parts),
        "ignored_files": len(source.ignored),
        "files": tally(source, unreadable).as_json(),
        "duplicates": {
            "groups": len(duplicates.groups),
            "images": duplicates.surplus,
            "conflicting_groups": len(duplicates.conflicting),
            "across_parts": _across(duplicates, parts),
            "removed": len(duplicates.to_remove()) if policy == "clean" else 0,
        },
        "patients": len(set(patients) - {""}) or None,
        "parts": {part: {name: own.count(name) for name in classes} for part, own in of_part.items() if own},
    }


def near_duplicates(twins: Twins, parts: Sequence[str]) -> dict[str, int]:
    """Pictures that stand more than once among the used images, nearly the same ones counted as one."""
    kept = [[row for row in cluster if parts[row]] for cluster in twins.near]
    clusters = [cluster for cluster in kept if len(cluster) > 1]
    return {
        "clusters": len(clusters),
        "images": sum(map(len, clusters)),
        "across_parts": sum(len({parts[row] for row in cluster}) > 1 for cluster in clusters),
    }


def _across(duplicates: Duplicates, parts: Sequence[str]) -> int:
    """Validation images whose very pixels stand in the training part."""
    return sum(
        sum(parts[row] == VALIDATION for row in group)
        for group in duplicates.groups
        if any(parts[row] == TRAIN for row in group)
    )
