"""A table of images, and perhaps a second one of labels, becomes a list of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from foveate.config.dataset import Columns, NameAndLabel
from foveate.data.sources.listing import listing_of, without_ending
from foveate.data.sources.lookup import Lookup, composed
from foveate.data.sources.patients import patient_warnings
from foveate.data.sources.source import (
    MASK,
    NO_IMAGE,
    NOT_NAMED,
    SPLIT_NAMES,
    TABLE,
    Source,
    SourceImage,
    first_three,
    printable,
)
from foveate.data.sources.tables import Table, read_table
from foveate.errors import FoveateError

_OPTIONAL = ("patient", "split", "mask", "site", "frame")
_HOLDS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


def from_table(
    folder: Path,
    file: Path,
    columns: Columns | None = None,
    label_file: Path | None = None,
    label_columns: NameAndLabel | None = None,
) -> Source:
    """The images of `folder` that the table `file` names; `label_file` has their labels where `file` has none.

    Raises FoveateError that names file, line or column, and what would be right.
    """
    columns = columns or Columns()
    listing = listing_of(folder)
    lookup, table = Lookup(folder, listing.visible), read_table(file)
    name_of = _columns_of(table, columns)
    files, paths = _paths(table, name_of["path"], name_of["frame"], lookup)
    label_of, warnings = _labels(table, columns), list[str]()
    if label_file:
        names = [row[name_of["path"]] for row in table.rows]
        label_of, warnings = _joined(table, names, read_table(label_file), label_columns or NameAndLabel())
    masks = _masks(table, name_of["mask"], lookup)
    images = []
    for row, cells in enumerate(table.rows):
        rest = {key: cells[name_of[key]] if name_of[key] else "" for key in ("patient", "split", "site")}
        rest["patient"] = rest["patient"].strip()
        split = _split(rest.pop("split"), table.where(row))
        mask = str(folder / masks[row]) if masks[row] else ""
        member = paths[row].removeprefix(files[row])
        images.append(SourceImage(paths[row], label_of(row), split=split, mask=mask, member=member, **rest))
    left_out = listing.left_out | dict.fromkeys(listing.visible, NO_IMAGE) | dict.fromkeys(lookup.pictures, NOT_NAMED)
    left_out |= dict.fromkeys(filter(None, masks), MASK) | dict.fromkeys(
        _own(folder, left_out, file, label_file), TABLE
    )
    left_out = {path: why for path, why in left_out.items() if path not in set(files)}
    return Source(folder, images, left_out, [*warnings, *patient_warnings(images, name_of["patient"])])


def _own(folder: Path, files: Iterable[str], *tables: Path | None) -> list[str]:
    """The tables themselves, where they lie among the images."""
    names = {table.name: table for table in tables if table}
    return [path for path in files if (table := names.get(PurePosixPath(path).name)) and table.samefile(folder / path)]


def _columns_of(table: Table, columns: Columns) -> dict[str, str]:
    """The table's column for each of our names; '' for one that it lacks and need not have."""
    found = {"path": table.require(columns.path)}
    for key in _OPTIONAL:
        wanted: str | None = getattr(columns, key)
        found[key] = table.require(wanted) if wanted else (key if key in table.columns else "")
    return found


def _paths(table: Table, column: str, frame_column: str, lookup: Lookup) -> tuple[list[str], list[str]]:
    """The file of each row, and its path: with # and a number where it is one among several pictures in the file.

    Raises FoveateError for empty, missing, ambiguous and repeated ones.
    """
    files, paths, absent = [], [], []
    row_of: dict[str, int] = {}
    for row, cells in enumerate(table.rows):
        written = cells[column]
        if not written:
            raise FoveateError(f"{table.where(row)}: {column} must not be empty: it names the image.")
        path = file = lookup.find(written, table.where(row))
        if path and frame_column and cells[frame_column]:
            path += f"#{_frame(cells[frame_column], table.where(row))}"
        if not path:
            absent.append(written)
        elif path in row_of:
            raise FoveateError(
                f"{table.where(row)}: {printable(path)} stands in line {table.lines[row_of[path]]} already: name each "
                "image once."
            )
        row_of[path] = row
        files.append(file)
        paths.append(path)
    if absent:
        hint = lookup.elsewhere(absent[0])
        raise FoveateError(
            f"{table.file} names {_files(len(absent))} not there: {first_three(absent)}. "
            + (f"{hint} is: p" if hint else "P")
            + f"aths are relative to {lookup.folder}."
        )
    return files, paths


def _frame(written: str, where: str) -> int:
    if not written.isdecimal():
        raise FoveateError(f"{where}: frame {written!r} is no picture's number: it is 0, 1, 2, ...")
    return int(written)


def _files(count: int) -> str:
    return "1 file that is" if count == 1 else f"{count} files that are"


def _masks(table: Table, column: str, lookup: Lookup) -> list[str]:
    """The mask's file of each row, '' for none. Raises FoveateError where a named one is not there."""
    named = [cells[column] if column else "" for cells in table.rows]
    found = [lookup.find(name, table.where(row)) if name else "" for row, name in enumerate(named)]
    absent = [name for name, path in zip(named, found, strict=True) if name and not path]
    if absent:
        raise FoveateError(f"{table.file} names {len(absent)} masks that are not there: {first_three(absent)}.")
    return found


def _split(written: str, where: str) -> str:
    if written and written.strip().lower() not in SPLIT_NAMES:
        raise FoveateError(f"{where}: split {written!r} is none of train, val, test.")
    return SPLIT_NAMES.get(written.strip().lower(), "")


def _labels(table: Table, columns: NameAndLabel) -> Callable[[int], str]:
    """What gives a row's label: one column, or the one of several that is set."""
    one = columns.label[0]

    def of_one(row: int) -> str:
        label = table.rows[row][table.require(one)]
        if not label.strip():
            raise FoveateError(f"{table.where(row)}: {one} must not be empty: it is the image's label.")
        return label

    def of_several(row: int) -> str:
        chosen = [name for name in columns.label if _holds(table, row, table.require(name))]
        if len(chosen) != 1:
            said = f"{' and '.join(chosen)} are set" if chosen else "none of the classes is set"
            raise FoveateError(f"{table.where(row)}: {said}: exactly one of {', '.join(columns.label)} must be 1.")
        return chosen[0]

    return of_one if len(columns.label) == 1 else of_several


def _holds(table: Table, row: int, column: str) -> bool:
    cell = table.rows[row][column]
    if cell.strip().lower() not in _HOLDS:
        raise FoveateError(f"{table.where(row)}: {column} is {cell!r}, it must be 0 or 1.")
    return _HOLDS[cell.strip().lower()]


def _joined(
    table: Table, names: list[str], labels: Table, columns: NameAndLabel
) -> tuple[Callable[[int], str], list[str]]:
    """Labels from a second table, by the image's name; and what to say of labels that no image needs.

    Names are compared without ending, first with their folders, then without.
    """
    column, label_of = labels.require(columns.path), _labels(labels, columns)
    row_of: dict[str, int] = {}
    for row, cells in enumerate(labels.rows):
        key = composed(without_ending(cells[column]))
        if key in row_of:
            first = labels.lines[row_of[key]]
            raise FoveateError(f"{labels.where(row)}: {cells[column]!r} stands in line {first} already.")
        row_of[key] = row
    keys = [composed(without_ending(name)) for name in names]
    keys = [key if key in row_of else PurePosixPath(key).name for key in keys]
    absent = [name for name, key in zip(names, keys, strict=True) if key not in row_of]
    if absent:
        raise FoveateError(
            f"{labels.file} has no label of {len(absent)} images that {table.file.name} names: {first_three(absent)}."
        )
    spare = len(row_of.keys() - set(keys))
    said = f"the table of labels has those of {spare} images that the table of images does not name"
    return (lambda row: label_of(row_of[keys[row]])), [said] if spare else []
