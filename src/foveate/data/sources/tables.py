"""A table file becomes rows of text: CSV, TSV, Parquet or Excel, with errors that name the line.

Every table that a person gives is read here: of images, labels, regions, patients and scores.
"""

from __future__ import annotations

import math
import unicodedata
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate.config import nearest
from foveate.data.sources.text_tables import separator_and_rows
from foveate.errors import FoveateError

ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".xlsx")


@dataclass(frozen=True)
class Table:
    """Rows of a table, every cell as text; '' is an empty cell."""

    file: Path
    columns: list[str]
    rows: list[dict[str, str]]
    lines: list[int]  # the line of the file, or row of the sheet, at which each row stands
    separator: str = ""  # of a text file: where it is no comma, numbers may have a decimal comma

    def require(self, name: str) -> str:
        """The table's column of this name, its accents stored in either way. Raises FoveateError with the nearest."""
        if name in self.columns:
            return name
        for column in self.columns:
            if unicodedata.normalize("NFC", column) == unicodedata.normalize("NFC", name):
                return column
        hint = nearest(name.strip().lower(), [column.lower() for column in self.columns])
        near = [column for column in self.columns if column.lower() == hint][:1]
        known = ", ".join(map(repr, near or self.columns[:12]))
        remedy = f"did you mean {known}?" if near else f"its columns are {known}."
        raise FoveateError(f"{self.file} has no column {name!r}: {remedy}")

    def where(self, row: int) -> str:
        """A row's place, for an error."""
        return f"{self.file}, line {self.lines[row]}"

    def number(self, row: int, column: str) -> float:
        """The number in a cell; not a number where it holds none. 0,5 is one where commas do not part the cells."""
        written = self.rows[row][column].strip()
        if self.separator not in ("", ",") and written.count(",") == 1 and "." not in written:
            written = written.replace(",", ".")
        try:
            return math.nan if "_" in written else float(written)
        except ValueError:
            return math.nan


def read_table(file: Path) -> Table:
    """Read a table; its ending says what it is. Raises FoveateError: absent, another kind, not UTF-8, ragged,
    without a header, with a column twice."""
    if not file.is_file():
        raise FoveateError(f"the table {file} does not exist.")
    match file.suffix.lower():
        case ".csv" | ".tsv" | ".txt":
            return _from_text(file)
        case ".parquet":
            return _from_parquet(file)
        case ".xlsx":
            return _from_excel(file)
        case _:
            raise FoveateError(f"{file} is no table that can be read: save it as one of {', '.join(ENDINGS)}.")


def _from_text(file: Path) -> Table:
    separator, rows = separator_and_rows(file)
    header = rows[0][1] if rows else []
    return _table(file, header, [cells for _, cells in rows[1:]], [line for line, _ in rows[1:]], separator)


def _from_parquet(file: Path) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise _needs("pyarrow", file) from None
    try:
        columns = parquet.read_table(file)
    except (OSError, pyarrow.ArrowException) as error:
        raise FoveateError(f"{file} is not a readable Parquet table: {str(error).splitlines()[0]}") from error
    rows = zip(*(column.to_pylist() for column in columns.columns), strict=True)
    return _table(file, columns.column_names, rows, range(1, columns.num_rows + 1))


def _from_excel(file: Path) -> Table:
    """The first sheet of a workbook; a formula counts as the value that it had when the file was saved."""
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise _needs("openpyxl", file) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and validations, which do not matter here
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            cells = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
            book.close()
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile, InvalidFileException) as error:
        raise FoveateError(f"{file} is not a readable Excel file (.xlsx): {error}") from error
    filled = [(line, row) for line, row in enumerate(cells, start=1) if any(_text(cell) for cell in row)]
    if not filled:
        return _table(file, [], [], [])
    header = [_text(cell) for cell in filled[0][1]]
    rows = [row + [None] * (len(header) - len(row)) for _, row in filled[1:]]
    return _table(file, header, rows, [line for line, _ in filled[1:]])


def _needs(package: str, file: Path) -> FoveateError:
    return FoveateError(f"to read {file.name}, {package} is needed: pip install 'foveate[tables]', or save it as CSV.")


def _table(
    file: Path, header: list[str], rows: Iterable[Iterable[Any]], lines: Iterable[int], separator: str = ""
) -> Table:
    """Raises FoveateError for a table without a header or with a column twice; columns without a name are left out."""
    columns = [name for name in header if name]
    if not columns:
        raise FoveateError(f"{file} is empty: it needs a header, such as path,label, and a row for each image.")
    for name, count in Counter(columns).items():
        if count > 1:
            raise FoveateError(f"{file} has the column {name!r} {count} times: rename all but one.")
    texts = [{name: _text(cell) for name, cell in zip(header, row, strict=False) if name} for row in rows]
    return Table(file, columns, texts, list(lines), separator)


def _text(cell: Any) -> str:
    """A cell as a person would have typed it into a CSV: 3.0 is 3, since spreadsheets keep whole numbers so."""
    if cell is None or (isinstance(cell, float) and cell != cell):  # NaN is not equal to itself
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
