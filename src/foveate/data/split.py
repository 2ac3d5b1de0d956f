"""Which images train and which validate: by a policy, the same for every model of a study."""

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


def grouped_hold_out(
    labels: Sequence[str], groups: Sequence[str], fraction: float, seed: int, remedy: str = ""
) -> list[str]:
    """Like `hold_out`, but images of one group (a patient) never stand on both sides; '' is a group of its own.

    The share that goes to validation is the nearest to `fraction` that 1/k can be. Raises FoveateError where
    there are too few groups for that, with `remedy` behind it.
    """
    _require_two(labels)
    own = [group or f"\0{row}" for row, group in enumerate(groups)]
    folds = max(2, round(1 / fraction))
    for label in sorted(set(labels)):
        count = len({group for group, name in zip(own, labels, strict=True) if name == label})
        if count < folds:
            patients = "1 patient" if count == 1 else f"{count} patients"
            raise FoveateError(
                f"the class {label} has images of {patients} only (pictures that are nearly identical count as "
                f"one): a split by patient into 1 part of {folds} needs at least {folds}. --policy paper splits by "
                f"image.{remedy}"
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    _, validation = next(iter(splitter.split(np.zeros(len(own)), np.asarray(labels), np.asarray(own))))
    parts: NDArray[np.object_] = np.full(len(own), TRAIN, dtype=object)
    parts[validation] = VALIDATION
    return [str(part) for part in parts]


def folds(
    labels: Sequence[str], groups: Sequence[str] | None, count: int, seed: int, remedy: str = ""
) -> list[list[str]]:
    """`count` splits in which every image validates once: of every class, and where `groups` are given whole groups.

    Raises FoveateError where a class has fewer images, or images of fewer groups, than there are folds, with `remedy`
    behind it where it is groups that are few.
    """
    own = [group or f"\0{row}" for row, group in enumerate(groups or [""] * len(labels))]
    for label in sorted(set(labels)):
        known = len({group for group, name in zip(own, labels, strict=True) if name == label})
        if known < count:
            what = "images" if groups is None else "patients"
            raise FoveateError(
                f"the class {label} has {known} {what}: {count} folds need at least {count}. Ask for fewer --repeats."
                f"{'' if groups is None else remedy}"
            )
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    found = []
    for _, validation in splitter.split(np.zeros(len(own)), np.asarray(labels), np.asarray(own)):
        parts: NDArray[np.object_] = np.full(len(own), TRAIN, dtype=object)
        parts[validation] = VALIDATION
        found.append([str(part) for part in parts])
    return found


def sites(labels: Sequence[str], site: Sequence[str], count: int) -> list[list[str]]:
    """A split for each site, sorted by name: its images validate, all others train.

    Raises FoveateError where images have no site, there are not `count` sites, or a part lacks a class.
    """
    without = sum(not name for name in site)
    if without:
        raise FoveateError(f"{without} of {len(site)} images have no site: name it for each, in the table's column.")
    names = sorted(set(site))
    if len(names) != count or count < 2:
        raise FoveateError(
            f"there are {len(names)} sites ({', '.join(names)}), and each is left out in one run: "
            f"ask for --repeats {len(names)}, not {count}."
            if len(names) > 1
            else f"all images are of one site ({names[0]}): leaving it out leaves nothing to train on."
        )
    found = []
    for name in names:
        parts = [VALIDATION if own == name else TRAIN for own in site]
        for part in (TRAIN, VALIDATION):
            absent = set(labels) - {label for label, own in zip(labels, parts, strict=True) if own == part}
            if absent:
                where = f"the site {name} has" if part == VALIDATION else f"without the site {name} there is"
                raise FoveateError(f"{where} no image of the class {min(absent)}: leave that site out of the data.")
        found.append(parts)
    return found


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
