"""Tables in a terminal: a row is a line, numbers stand whole, and names give way where the line is too short."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from rich.cells import cell_len

_GAP = "  "
_LEAST = 12  # columns of a terminal that a name keeps
_CUT = "…"


def line_width() -> int:
    """Columns of the terminal; 80 where the output goes elsewhere."""
    return shutil.get_terminal_size((80, 24)).columns


def shortened(name: str, width: int) -> str:
    """A name in so many columns of a terminal, its middle left out where it is longer."""
    if cell_len(name) <= width:
        return name
    end = (width - 1) // 2
    return f"{_first(name, width - 1 - end)}{_CUT}{_last(name, end)}"


def shortened_path(path: str, width: int) -> str:
    """A path in so many columns: its last parts, which tell files apart, or the ends of a name that is longer still."""
    name = path.rpartition("/")[2]
    if cell_len(path) <= width:
        return path
    return _CUT + _last(path, width - 1) if cell_len(name) + 1 < width else shortened(name, width)


def aligned(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 1,
    width: int | None = None,
    shorten: Callable[[str, int], str] = shortened,
) -> str:
    """A table of lines no longer than `width` (the terminal's), as far as the columns behind the first leave it room.

    The first `left` columns stand to the left, the others to the right; only the first is shortened.
    """
    lines = [list(head), *map(list, rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    rest = sum(widths[1:]) + len(_GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(_LEAST, (width or line_width()) - rest))
    for line in lines:
        line[0] = shorten(line[0], widths[0])
    return "\n".join(_GAP.join(map(_placed, line, widths, _sides(left, len(widths)))).rstrip() for line in lines)


def _sides(left: int, count: int) -> list[bool]:
    return [number < left for number in range(count)]


def _placed(cell: str, width: int, to_the_left: bool) -> str:
    room = " " * (width - cell_len(cell))
    return cell + room if to_the_left else room + cell


def _first(text: str, width: int) -> str:
    while cell_len(text) > width:
        text = text[:-1]
    return text


def _last(text: str, width: int) -> str:
    while cell_len(text) > width:
        text = text[1:]
    return text
