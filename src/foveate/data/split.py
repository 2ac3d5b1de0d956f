"""Which images train and which validate: 80/20 by a policy, the same for every model of a study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from foveate.errors import FoveateError

TRAIN, VALIDATION, TUNING = PARTS = "train", "validation", "tuning"


def hold_out(labels: Sequence[str], fraction: float, seed: int) -> list[str]:
    """A part for each image: of every class, the `fraction` goes to validation, drawn at random from `seed`.

    At least one image of every class stands in each part. Raises FoveateError for a class with one image.
    """
    _require_two(labels)
    generator = np.random.default_rng(seed)
    values = np.asarray(labels)
    parts = np.full(len(values), TRAIN, dtype=object)
    for label in sorted(set(labels)):
        rows = generator.permutation(np.flatnonzero(values == label))
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        parts[rows[:count]] = VALIDATION
    return [str(part) for part in parts]


def grouped_hold_out(labels: Sequence[str], groups: Sequence[str], fraction: float, seed: int) -> list[str]:
    """Like `hold_out`, but images of one group (a patient) never stand on both sides; '' is a group of its own.

    The share that goes to validation is the nearest to `fraction` that 1/k can be. Raises FoveateError where
    there are too few groups for that.
    """
    _require_two(labels)
    own = [group or f"\0{row}" for row, group in enumerate(groups)]
    folds = max(2, round(1 / fraction))
    for label in sorted(set(labels)):
        count = len({group for group, name in zip(own, labels, strict=True) if name == label})
        if count < folds:
            raise FoveateError(
                f"the class {label} has images of {count} patients only: a split by patient into 1 part of {folds} "
                f"needs at least {folds}. Use --policy paper to split by image."
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    _, validation = next(iter(splitter.split(np.zeros(len(own)), np.asarray(labels), np.asarray(own))))
    parts: NDArray[np.object_] = np.full(len(own), TRAIN, dtype=object)
    parts[validation] = VALIDATION
    return [str(part) for part in parts]


def shipped(splits: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The archive's own split: its train part trains, its test part validates (its val part, where there is no test).

    Where an archive has all three, its val part is set aside for tuning. Raises FoveateError where an image has
    no split or a part lacks a class.
    """
    without = sum(not split for split in splits)
    if without:
        raise FoveateError(
            f"{without} of {len(splits)} images have no split of their own (no train/test folders, no split column): "
            "use --policy clean or --policy paper."
        )
    final = "test" if "test" in splits else "val"
    part = {"train": TRAIN, final: VALIDATION}
    parts = [part.get(split, TUNING) for split in splits]
    for name in (TRAIN, VALIDATION):
        absent = set(labels) - {label for label, own in zip(labels, parts, strict=True) if own == name}
        if absent:
            raise FoveateError(f"the archive's own {name} part has no image of the class {min(absent)}.")
    return parts


def _require_two(labels: Sequence[str]) -> None:
    for label in sorted(set(labels)):
        if list(labels).count(label) < 2:
            raise FoveateError(
                f"the class {label} has one image only: at least two are needed, to train and to validate."
            )
