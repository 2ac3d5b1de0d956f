"""The text of a CSV or TSV file becomes rows of cells: its encoding, its separator, its quotes."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from foveate.errors import FoveateError

_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 20  # rows by which the separator is told
_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_SAVE = "save the table as UTF-8 (in a spreadsheet: 'CSV UTF-8')."
_SEP_LINE = re.compile(r'"?sep=(.)"?[ ,;\t]*(?:\r\n|\r|\n)', re.IGNORECASE)  # Excel's own first line

Row = tuple[int, list[str]]  # the line at which it ends, and its cells


def read_text(file: Path) -> str:
    """A UTF-8 file's text, with or without byte order mark; every table and list is read by this.

    Raises FoveateError that names the wrong byte: another encoding is never guessed, since a byte such as 0xe6 is
    another letter in each of them.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FoveateError(f"cannot read {file}: {error.strerror}.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        kind = _MARKS.get(data[:2], "not UTF-8")
        raise FoveateError(_wrong_byte(file, data, error.start, kind)) from None
    if "\0" in text:
        raise FoveateError(_wrong_byte(file, data, data.index(b"\0"), "no text, perhaps UTF-16 without its mark"))
    return text


def _wrong_byte(file: Path, data: bytes, place: int, kind: str) -> str:
    line = len(re.findall(rb"\r\n|\r|\n", data[:place])) + 1
    return f"{file}, line {line}: byte 0x{data[place]:02x} (number {place + 1} of the file) is {kind}: {_SAVE}"


def separator_and_rows(file: Path) -> tuple[str, list[Row]]:
    """The separator and the rows of a CSV or TSV file, the header first, all as long as it; empty lines are left out.

    The separator is the one by which the header and the first rows have equally many cells, the most of them; or the
    one that a first line `sep=;` names. Lines may end in CR, LF or both. Raises FoveateError that names the line.
    """
    text = read_text(file)
    named = _SEP_LINE.match(text)
    above, text = (1, text[named.end() :]) if named else (0, text)
    separator = named[1] if named else _separator(text, file.suffix.lower() == ".tsv")
    rows: list[Row] = []
    try:
        for line, cells in _cells(text, separator):
            rows.append(
                (line + above, _as_long_as(rows[0][1] if rows else cells, cells, separator, file, line + above))
            )
    except csv.Error as error:
        raise FoveateError(f"{file}, after line {rows[-1][0] if rows else above} is no table: {error}.") from error
    return separator, rows


def _cells(text: str, separator: str) -> Iterator[Row]:
    """Rows that are not empty. Raises csv.Error for quotes that do not close."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _as_long_as(header: list[str], cells: list[str], separator: str, file: Path, line: int) -> list[str]:
    """The row without empty cells beyond the header, as spreadsheets leave them. Raises FoveateError."""
    if len(cells) < len(header) or any(cells[len(header) :]):
        raise FoveateError(
            f"{file}, line {line} has {len(cells)} cells, the header has {len(header)}: put a text that holds "
            f"{separator!r} in double quotes."
        )
    return cells[: len(header)]


def _separator(text: str, tabs: bool) -> str:
    order = ("\t", ",", ";", "|") if tabs else _SEPARATORS
    return max(order, key=lambda one: _fits(text, one))  # the first of those that fit as well


def _fits(text: str, separator: str) -> tuple[bool, bool, int]:
    """How well a separator fits: whether rows are as long as the header, whether that reads as names, its length."""
    try:
        rows = [cells for _, cells in itertools.islice(_cells(text, separator), _LOOKED_AT)]
    except csv.Error:
        return False, False, 0
    if not rows or len(rows[0]) < 2:
        return False, False, 0
    header = rows[0]
    even = all(len(row) >= len(header) and not any(row[len(header) :]) for row in rows)
    names = not any(name.startswith(" ") for name in header)  # "age, years" is one name, not two
    return even, names, len(header)
