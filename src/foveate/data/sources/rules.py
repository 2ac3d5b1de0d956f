"""The paper's data sets as their sources pack them: asked for by name, since a stranger's folder is not guessed at.

`rules: skin` and `rules: mri` mean class folders below train and test folders, `rules: cxr` reads the patient off the
file's name as well, and `rules: ct` reads COVID-CT's official lists and patients.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from foveate.data.sources.covid_ct import from_covid_ct
from foveate.data.sources.folders import from_folders
from foveate.data.sources.listing import without_ending
from foveate.data.sources.source import Source, SourceImage, first_three
from foveate.errors import FoveateError

# Kermany's names. Bacteria and virus are numbered independently: person100 is two children, so the kind of pneumonia
# is part of the key. So is NORMAL2: its numbers repeat those of the plain IM ones.
_PERSON = re.compile(r"(person\d+_(?:bacteria|virus))_\d+(?:_\d+)?")
_NORMAL = re.compile(r"((?:NORMAL\d+-)?IM-\d+)-\d+(?:-\d+)?")


def from_rules(folder: Path, name: str) -> Source:
    """The data set of this name (skin, cxr, mri, ct) in a folder as its source packs it. Raises FoveateError."""
    return RULES[name](folder)


def kermany_patient(file_name: str) -> str:
    """person1000_bacteria_2931.jpeg -> person1000_bacteria; NORMAL2-IM-0666-0001.jpeg -> NORMAL2-IM-0666; '' for
    a name of another kind."""
    stem = without_ending(file_name)
    match = _PERSON.fullmatch(stem) or _NORMAL.fullmatch(stem)
    return match[1] if match else ""


def with_kermany_patients(source: Source) -> Source:
    """The source with the patient of each image that has none yet. Raises FoveateError for names that tell none."""
    images = [_with_patient(image) for image in source.images]
    nameless = [image.path for image in images if not image.patient]
    if nameless:
        raise FoveateError(
            f"rules: cxr: {len(nameless)} names in {source.folder} tell no patient: {first_three(nameless)}. Right are "
            "person1_virus_6, IM-0115-0001 and NORMAL2-IM-0666-0001; leave out rules for other images."
        )
    return replace(source, images=images)


def _with_patient(image: SourceImage) -> SourceImage:
    return image if image.patient else replace(image, patient=kermany_patient(PurePosixPath(image.path).name))


def _kermany(folder: Path) -> Source:
    return with_kermany_patients(from_folders(folder))


RULES: dict[str, Callable[[Path], Source]] = {
    "skin": from_folders,
    "cxr": _kermany,
    "mri": from_folders,
    "ct": from_covid_ct,
}
