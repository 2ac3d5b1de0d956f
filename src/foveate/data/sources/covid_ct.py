"""COVID-CT (Yang et al., arXiv 2003.13865) as its repository packs it: folders, official split lists, patients.

Labels are COVID and NonCOVID, from the folders CT_COVID and CT_NonCOVID wherever they lie; the split stands in
trainCT_COVID.txt, ..., testCT_NonCOVID.txt; patients in COVID-CT-MetaInfo.xlsx and NonCOVID-CT-MetaInfo.csv.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath

from foveate.data.sources.listing import is_picture, listing_of, without_ending
from foveate.data.sources.source import NO_CLASS, NO_IMAGE, TABLE, Source, SourceImage, first_three
from foveate.data.sources.tables import Table, read_table
from foveate.data.sources.text_tables import read_text
from foveate.errors import FoveateError

_LABEL_OF = {"CT_COVID": "COVID", "COVID": "COVID", "CT_NonCOVID": "NonCOVID", "NonCOVID": "NonCOVID"}
_LISTS = {
    f"{split}CT_{label}.txt": (split, label) for label in ("COVID", "NonCOVID") for split in ("train", "val", "test")
}
_PATIENTS = {"COVID": ("COVID-CT-MetaInfo.xlsx", "COVID-CT-MetaInfo.csv"), "NonCOVID": ("NonCOVID-CT-MetaInfo.csv",)}

Key = tuple[str, str]  # label and name without ending: the lists and tables name some files without one


def from_covid_ct(folder: Path) -> Source:
    """The images with their official split and patients. Raises FoveateError: no such folders, some lists only, a
    list or table that does not fit the files."""
    listing = listing_of(folder)
    files = listing.visible
    path_of = _paths(folder, files)
    splits, warnings = _splits(folder, files, path_of)
    patients = _patients(folder, files, path_of, warnings)
    _place_unlisted(splits, patients, path_of, warnings)
    images = [
        SourceImage(path, key[0], patients.get(key, ""), splits.get(key, "")) for key, path in sorted(path_of.items())
    ]
    return Source(folder, images, listing.left_out | _left_out(folder, files, path_of), warnings)


def _left_out(folder: Path, files: list[str], path_of: dict[Key, str]) -> dict[str, str]:
    """Why each other file is no image of the set."""
    known, tables = {*path_of.values()}, {*_LISTS, *(name for names in _PATIENTS.values() for name in names)}
    rules = {path: NO_CLASS if is_picture(folder / path) else NO_IMAGE for path in files if path not in known}
    return rules | {path: TABLE for path in rules if PurePosixPath(path).name in tables}


def _paths(folder: Path, files: list[str]) -> dict[Key, str]:
    """Each image's path. Raises FoveateError where there is none, or one name twice."""
    found: dict[Key, str] = {}
    for path in files:
        *folders, name = path.split("/")
        labels = [_LABEL_OF[part] for part in folders if part in _LABEL_OF]
        if not labels or not is_picture(folder / path):
            continue
        key = (labels[-1], without_ending(name))
        if key in found:
            raise FoveateError(f"rules: ct: {folder} holds {found[key]} and {path}: keep one copy of the images.")
        found[key] = path
    for label in ("COVID", "NonCOVID"):
        if not any(key[0] == label for key in found):
            raise FoveateError(
                f"rules: ct: {folder} holds no images in a folder CT_{label}: unpack CT_{label}.zip there, or let "
                "`foveate data fetch ct` do it."
            )
    return found


def _splits(folder: Path, files: list[str], path_of: dict[Key, str]) -> tuple[dict[Key, str], list[str]]:
    """The official split of each image that a list names, and a warning where there are no lists."""
    lists = {PurePosixPath(path).name: path for path in files if PurePosixPath(path).name in _LISTS}
    if not lists:
        return {}, ["the official split lists (Data-split/*/trainCT_COVID.txt, ...) are not there: no split is known"]
    missing = [name for name in _LISTS if name not in lists]
    if missing:
        raise FoveateError(f"rules: ct: {folder} has no split list {missing[0]}: all six are needed, or none.")
    splits: dict[Key, str] = {}
    for name, (split, label) in _LISTS.items():
        lines = [line.strip() for line in read_text(folder / lists[name]).splitlines() if line.strip()]
        keys = dict.fromkeys((label, without_ending(PurePosixPath(line).name)) for line in lines)  # one line is doubled
        absent = [key[1] for key in keys if key not in path_of]
        if absent:
            raise FoveateError(
                f"{lists[name]} names {len(absent)} files that are not in CT_{label}: {first_three(absent)}."
            )
        for key in keys:
            if splits.setdefault(key, split) != split:
                raise FoveateError(f"{key[1]} stands in the lists of {splits[key]} and {split}: one is wrong.")
    return splits, []


def _patients(folder: Path, files: list[str], path_of: dict[Key, str], warnings: list[str]) -> dict[Key, str]:
    patients: dict[Key, str] = {}
    for label, names in _PATIENTS.items():
        tables = [path for path in files if PurePosixPath(path).name in names]
        if not tables:
            warnings.append(f"{names[0]} is not there: the patients of {label} are not known")
            continue
        table = read_table(folder / tables[0])
        file_column, patient_column = _column(table, "file name", "image name"), _column(table, "patient id", "patient")
        for row in table.rows:
            if row[patient_column]:
                key = (label, without_ending(row[file_column]))
                patients[key] = f"{label} {row[patient_column]}"
    without = [path for key, path in sorted(path_of.items()) if key not in patients]
    if patients and without:
        warnings.append(f"{len(without)} images have no patient: each counts as another patient's")
    return {key: patient for key, patient in patients.items() if key in path_of}


def _column(table: Table, *names: str) -> str:
    """The table's column of one of these names, in any case."""
    for column in table.columns:
        if " ".join(column.lower().split()) in names:
            return column
    return table.require(names[0])


def _place_unlisted(
    splits: dict[Key, str], patients: dict[Key, str], path_of: dict[Key, str], warnings: list[str]
) -> None:
    """An image that no list names goes where all others of its patient are: the official test list names one file
    twice and another, of the same patient, not at all."""
    parts = defaultdict(set)
    for key, split in splits.items():
        if key in patients:
            parts[patients[key]].add(split)
    unlisted = [key for key in path_of if splits and key not in splits]
    for key in unlisted:
        own = parts.get(patients.get(key, ""), set())
        if len(own) == 1:
            splits[key] = next(iter(own))
    placed = sum(key in splits for key in unlisted)
    for count, what in ((placed, "go where the rest of their patient is"), (len(unlisted) - placed, "have no split")):
        if count:
            warnings.append(f"images in no official list: {count}, which {what}")
