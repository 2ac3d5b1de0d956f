"""What is odd about the patients that a table names: patients that get lost make a split promise too much."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from foveate.data.sources.lookup import folded
from foveate.data.sources.source import SourceImage


def patient_warnings(images: Sequence[SourceImage], column: str) -> list[str]:
    """Sentences without a name, of images that have no patient and of patients that are spelt in several ways.

    `column` is the table's column of patients, '' where it has none.
    """
    without = sum(not image.patient.strip() for image in images)
    warnings = []
    if column and without == len(images) > 0:
        warnings.append(f"the column {column} is empty: no patient is known")
    elif column and without:
        have = "has" if without == 1 else "have"
        warnings.append(f"{without:,} of {len(images):,} images {have} no {column}: each counts as another patient's")
    spelt = defaultdict(set)
    for image in images:
        spelt[_alike(image.patient)].add(image.patient)
    several = sum(len(own) > 1 for key, own in spelt.items() if key)
    if several:
        are = "1 patient seems" if several == 1 else f"{several:,} patients seem"
        warnings.append(
            f"{are} to be spelt in several ways, which differ only in capital letters, spaces, leading zeros or a "
            f"final .0: each spelling counts as another patient, unless you correct the column {column}"
        )
    return warnings


def _alike(patient: str) -> str:
    """What stays of an identifier once it went through spreadsheets and programs: 007, 7 and 7.0 are alike."""
    key = re.sub(r"\s+", "", folded(patient))
    key = re.sub(r"(?<=\d)\.0+$", "", key)
    return re.sub(r"(?<!\d)0+(?=\d)", "", key)
