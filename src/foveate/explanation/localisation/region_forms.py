"""How tables of other tools write a box: told by the names of their columns, refused where these say two things."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foveate.data.sources.tables import Table
from foveate.errors import FoveateError
from foveate.explanation.localisation.regions import Box

Values = tuple[float, ...]


@dataclass(frozen=True)
class Form:
    """Columns of a table, by their names in small letters, and what they mean."""

    columns: tuple[str, ...]
    said: str  # after "a box is"; '' for a point
    box: Callable[[Values], Box] | None = None  # four numbers -> left, top, right, bottom; None for a point
    centred: bool = False  # may be shares of the image, as of YOLO


def _edges(values: Values) -> Box:
    left, top, right, bottom = values
    return left, top, right, bottom


def _corner(values: Values) -> Box:
    left, top, width, height = values
    return left, top, left + width, top + height


def _centre(values: Values) -> Box:
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


_EDGES, _CORNER = "its left, top, right and bottom edge", "its left top corner, width and height"
POINT = Form(("x", "y"), "")
FORMS = (
    Form(("x0", "y0", "x1", "y1"), _EDGES, _edges),
    Form(("x1", "y1", "x2", "y2"), _EDGES, _edges),
    Form(("xmin", "ymin", "xmax", "ymax"), _EDGES, _edges),  # Pascal VOC
    Form(("x_min", "y_min", "x_max", "y_max"), _EDGES, _edges),  # VinDr-CXR
    Form(("left", "top", "right", "bottom"), _EDGES, _edges),
    Form(("x", "y", "width", "height"), _CORNER, _corner),  # RSNA
    Form(("x", "y", "w", "h"), _CORNER, _corner),
    Form(("bbox [x", "y", "w", "h]"), _CORNER, _corner),  # ChestX-ray14: commas in its header
    Form(("left", "top", "width", "height"), _CORNER, _corner),
    Form(("bbox",), _CORNER, _corner),  # COCO: [x, y, width, height] in one cell
    *(
        Form((*centre, *size), "its centre, width and height", _centre, centred=True)  # YOLO
        for centre in (("x_center", "y_center"), ("x_centre", "y_centre"), ("xc", "yc"), ("cx", "cy"))
        for size in (("width", "height"), ("w", "h"))
    ),
    POINT,
)
# Columns by which a row without a box says that nothing is marked: RSNA, VinDr-CXR.
_NOTHING = {"target": ("0", "0.0"), "class_name": ("no finding",)}


def forms_of(table: Table) -> list[Form]:
    """The form of the boxes, that of points, or both. Raises FoveateError: none, or columns that say two things."""
    names = {column.strip().lower() for column in table.columns}
    whole = [form for form in FORMS if set(form.columns) <= names]
    boxes = _clear(table, [form for form in whole if form.box])
    points = [POINT] if POINT in whole and not any(set(POINT.columns) <= set(form.columns) for form in boxes) else []
    if not boxes:
        _refuse_half(table, names, bool(points))
    return [*boxes, *points]


def _clear(table: Table, boxes: list[Form]) -> list[Form]:
    """The only form of a box; edges say more than one of their corners with a size, which may be the image's."""
    edges = [form for form in boxes if form.box is _edges]
    left = [form for form in boxes if form in edges or not any(form.columns[:2] == own.columns[:2] for own in edges)]
    if len(left) > 1:
        ways = " and ".join(", ".join(form.columns) for form in left[:2])
        raise FoveateError(
            f"{table.file} says a box in two ways, {ways}: leave out the columns of one, and a "
            "width and height that are the image's."
        )
    return left


def _refuse_half(table: Table, names: set[str], points: bool) -> None:
    """Raises FoveateError for a table without a whole box or point, or with a part of a box beside its points."""
    if not points:
        if "x0" in names:
            for column in FORMS[0].columns:
                table.require(column)
        if "x" in names:
            table.require("y")
        raise FoveateError(
            f"{table.file} has no column 'x0' or 'x': a box is x0, y0, x1, y1, a point is x, y, in pixels."
        )
    known = {column for form in FORMS for column in form.columns} - {*POINT.columns}
    part = sorted(names & known)
    if part:
        raise FoveateError(
            f"{table.file} has {', '.join(part)} beside x, y: a box is x0, y0, x1, y1, or x, y, width, height; a point "
            f"is x, y alone: name the columns so, or leave out {', '.join(part)}."
        )


def columns_of(table: Table, form: Form) -> list[str]:
    """The table's own names of a form's columns."""
    own = {column.strip().lower(): column for column in table.columns}
    return [own[name] for name in form.columns]


def values_of(table: Table, row: int, form: Form) -> Values:
    """The numbers in a row. Raises FoveateError that names the column."""
    columns, where = columns_of(table, form), table.where(row)
    if form.columns == ("bbox",):
        written = table.rows[row][columns[0]]
        parts = re.split(r"[,;\s]+", written.strip().strip("[]()").strip())
        values = tuple(map(_number, parts))
        if len(values) != 4 or not all(map(math.isfinite, values)):
            raise FoveateError(f"{where}: bbox is {written!r}, it must be [x, y, width, height] in pixels.")
        return values
    values = tuple(table.number(row, column) for column in columns)
    for column, value in zip(columns, values, strict=True):
        if not math.isfinite(value):
            raise FoveateError(f"{where}: {column} is {table.rows[row][column]!r}, it must be a number of pixels.")
    return values


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return math.nan


def says_nothing(table: Table, row: int) -> bool:
    """Whether a row without a box says so itself: that nothing is marked in the image."""
    return any(
        table.rows[row][column].strip().lower() in _NOTHING[column.strip().lower()]
        for column in table.columns
        if column.strip().lower() in _NOTHING
    )


def understood(forms: Sequence[Form]) -> str:
    """What a table was taken for, where its columns are another tool's; '' where they are this program's own."""
    form = forms[0]
    if form in (FORMS[0], POINT):
        return ""
    return f"in the table of regions, {', '.join(form.columns)} is taken for a box by {form.said}"
