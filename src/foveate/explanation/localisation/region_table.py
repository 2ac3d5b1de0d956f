"""Boxes and points of lesions from a table, for data sets that have no masks.

The person's table names images as the manifest does; what is read of it is kept beside the pack as regions.csv, in
the pixels of the original image, so that it travels with the study.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pandas as pd

from foveate import runs
from foveate.data.pack import Pack
from foveate.data.prepare import pack_of
from foveate.data.sources.listing import without_ending
from foveate.data.sources.lookup import FOLDS, Fold
from foveate.data.sources.tables import Table, read_table
from foveate.errors import FoveateError
from foveate.explanation.localisation.region_forms import (
    Form,
    columns_of,
    forms_of,
    says_nothing,
    understood,
    values_of,
)
from foveate.explanation.localisation.regions import Box, Point, Region, of_boxes, of_points, onto_square
from foveate.runs import StudyFolder, Subject

FILE = "regions.csv"  # in the data set's folder: case, width and height of the original, and the columns below
BOX, POINT = ("x0", "y0", "x1", "y1"), ("x", "y")


@dataclass(frozen=True)
class Marked:
    """One row: a box or a point on an image, in the pixels of the original."""

    image: str  # as the table names it
    place: Box | Point
    where: str  # file and line, for an error
    shares: bool = False  # of the image's width and height, instead of pixels


def read_regions(file: Path) -> list[Marked]:
    """Read a table with a row a box or point, and the image's `path` or `case`.

    A box is x0, y0, x1, y1 (edges) or as other tools write it (`region_forms`), a point x, y. Several rows may name
    one image, and a table may hold boxes and points; a row without either is left out where it says itself that
    nothing is marked. Raises FoveateError that names file, line and column: unreadable, columns missing or of two
    meanings, no number, a box that is empty or inside out, a row without either.
    """
    table = read_table(file)
    name = "case" if "case" in table.columns and "path" not in table.columns else table.require("path")
    forms = forms_of(table)
    rows = [_marked(table, row, name, forms) for row in range(len(table.rows))]
    found = [marked for marked in rows if marked is not None]
    if not found:
        raise FoveateError(f"{file} has no rows that mark anything: it needs one for each box or point.")
    if all(value <= 1 for marked in found for value in marked.place):
        if not forms[0].centred or len(forms) > 1:
            raise FoveateError(f"{file}: all places lie between 0 and 1: they must be pixels, not shares of the image.")
        return [replace(marked, shares=True) for marked in found]
    return found


def _marked(table: Table, row: int, name: str, forms: Sequence[Form]) -> Marked | None:
    cells, where = table.rows[row], table.where(row)
    if not cells[name].strip():
        raise FoveateError(f"{where}: {name} must not be empty: it names the image.")
    filled = [form for form in forms if any(cells[column].strip() for column in columns_of(table, form))]
    if says_nothing(table, row):
        if filled:
            raise FoveateError(f"{where} holds a place, and says that nothing is marked: one of both is wrong.")
        return None
    if len(filled) != 1:
        said = "a box and a point" if filled else "neither a box nor a point"
        kinds = " or ".join(", ".join(form.columns) for form in forms)
        raise FoveateError(f"{where} holds {said}: fill {'either ' if len(forms) > 1 else ''}{kinds}.")
    form, values = filled[0], values_of(table, row, filled[0])
    if form.box is None:
        return Marked(cells[name].strip(), (values[0], values[1]), where)
    x0, y0, x1, y1 = form.box(values)
    if x1 <= x0 or y1 <= y0:
        wrong, low, high = (form.columns[-2], x0, x1) if x1 <= x0 else (form.columns[-1], y0, y1)
        raise FoveateError(
            f"{where}: {wrong} is {values[-2 if x1 <= x0 else -1]:g}, so that the box ends at {high:g} and begins at "
            f"{low:g}: by these columns a box is {form.said}."
        )
    return Marked(cells[name].strip(), (x0, y0, x1, y1), where)


def form_said(file: Path) -> str:
    """What a table's boxes were taken for, where its columns are another tool's; '' else. Raises FoveateError."""
    return understood(forms_of(read_table(file)))


def adopt(folder: StudyFolder, subject: Subject, file: Path) -> int:
    """Read a table of boxes and points, and keep those of a data set's images as data/<data set>/regions.csv.

    An image is named by its path as in manifest.csv, without folder or ending where that is clear, or by its case.
    Returns how many images are marked.
    Raises FoveateError as `read_regions`, and for an image that the data set lacks or a place outside its image.
    """
    manifest = pd.read_csv(folder.data(subject) / "manifest.csv", dtype=str, keep_default_na=False)
    sizes = dict(zip(manifest["case"], zip(manifest["width"], manifest["height"], strict=True), strict=True))
    find = _finder(dict(zip(manifest["case"], manifest["path"], strict=True)), subject)
    rows: list[dict[str, str | float]] = []
    for marked in read_regions(file):
        case = find(marked)
        width, height = map(int, sizes[case])
        place = _in_pixels(marked, width, height)
        for value, limit in zip(place, (width, height) * 2, strict=False):
            if not 0 <= value <= limit:
                raise FoveateError(
                    f"{marked.where}: {value:g} lies outside {marked.image}, which is {width} x {height} pixels: "
                    "places are pixels of the original image, counted from its top left corner."
                )
        columns = BOX if len(place) == len(BOX) else POINT
        rows.append({"case": case, "width": width, "height": height, **dict(zip(columns, place, strict=True))})
    kept = folder.data(subject) / FILE
    runs.write_text(kept, pd.DataFrame(rows, columns=["case", "width", "height", *BOX, *POINT]).to_csv(index=False))
    return len({row["case"] for row in rows})


def _in_pixels(marked: Marked, width: int, height: int) -> Box | Point:
    """The place in pixels. Shares are written with few digits: an edge that is less than a pixel outside is within."""
    if not marked.shares or len(marked.place) == len(POINT):
        return marked.place
    x0, y0, x1, y1 = (share * limit for share, limit in zip(marked.place, (width, height) * 2, strict=True))
    low = [0.0 if -1 < value < 0 else value for value in (x0, y0)]
    high = [float(limit) if limit < value < limit + 1 else value for value, limit in ((x1, width), (y1, height))]
    return low[0], low[1], high[0], high[1]


def _finder(paths: dict[str, str], subject: Subject) -> Callable[[Marked], str]:
    """What finds the case that a row means, by the name as written, else with other accents or capital letters."""
    named: dict[tuple[Fold, str], list[str]] = defaultdict(list)
    for case, path in paths.items():
        name = PurePosixPath(path).name
        for fold in FOLDS:
            for written in {fold(own) for own in (case, path, without_ending(path), name, without_ending(name))}:
                named[fold, written].append(case)

    def find(marked: Marked) -> str:
        ways = [(fold, fold(own)) for fold in FOLDS for own in (marked.image, marked.image.replace("\\", "/"))]
        found = next((cases for way in ways if (cases := named.get(way))), [])
        if len(found) > 1:
            first, second = (paths[case] for case in found[:2])
            raise FoveateError(
                f"{marked.where}: {marked.image!r} may be {first} or {second}: write it with its folder."
            )
        if not found:
            example = next(iter(paths.values()), "")
            raise FoveateError(
                f"{marked.where}: {subject.name} has no image {marked.image!r}: name it as in manifest.csv, such as "
                f"{example}."
            )
        return found[0]

    return find


class Regions:
    """The regions of a prepared data set: each case's mask, else its boxes, else its points."""

    def __init__(self, folder: StudyFolder, subject: Subject) -> None:
        self.pack: Pack = pack_of(folder, subject)
        self._boxes: dict[str, list[Box]] = defaultdict(list)
        self._points: dict[str, list[Point]] = defaultdict(list)
        self._sizes: dict[str, tuple[int, int]] = {}
        kept = folder.data(subject) / FILE
        if not kept.is_file():
            return
        for row in read_table(kept).rows:
            case = row["case"]
            self._sizes[case] = int(row["width"]), int(row["height"])
            if row["x"]:
                self._points[case].append((float(row["x"]), float(row["y"])))
            else:
                self._boxes[case].append((float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"])))

    def marks(self, case: str) -> bool:
        """Whether anything is marked in a case's image."""
        return case in self.pack.index.masks or case in self._boxes or case in self._points

    def of(self, case: str) -> Region:
        """A case's region on its square. Raises KeyError where nothing is marked."""
        mask = self.pack.mask(case)
        if mask is not None:
            return Region(mask)
        if not self.marks(case):
            raise KeyError(case)
        place = onto_square(*self._sizes[case], self.pack.index.pixels, self.pack.index.fit)
        if case in self._boxes:
            return of_boxes(self._boxes[case], place)
        return of_points(self._points[case], place)
