"""What a data set hides: the same picture more than once, under one label or under two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


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
    rows: dict[str, list[int]] = defaultdict(list)
    for row, pixel_hash in enumerate(pixel_hashes):
        rows[pixel_hash].append(row)
    groups = [group for group in rows.values() if len(group) > 1]
    return Duplicates(groups, [group for group in groups if len({labels[row] for row in group}) > 1])
