"""A table file becomes rows of text: CSV, TSV, Parquet or Excel, with errors that name the line."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveate.config import nearest
from foveate.errors import FoveateError

ENDINGS = (".csv", ".tsv", ".parquet", ".xlsx")
_SEPARATORS = {".csv": ",;\t", ".tsv": "\t"}  # the first of them that the header holds


@dataclass(frozen=True)
class Table:
    """Rows of a table, every cell as text; '' is an empty cell."""

    file: Path
    columns: list[str]
    rows: list[dict[str, str]]
    lines: list[int]  # the line of the file, or row of the sheet, at which each row stands

    def require(self, name: str) -> str:
        """The name itself, where the table has this column. Raises FoveateError that names the nearest."""
        if name in self.columns:
            return name
        hint = nearest(name.strip().lower(), [column.lower() for column in self.columns])
        near = [column for column in self.columns if column.lower() == hint][:1]
        known = ", ".join(map(repr, near or self.columns[:12]))
        remedy = f"did you mean {known}?" if near else f"its columns are {known}."
        raise FoveateError(f"{self.file} has no column {name!r}: {remedy}")

    def where(self, row: int) -> str:
        """A row's place, for an error."""
        return f"{self.file}, line {self.lines[row]}"


def read_table(file: Path) -> Table:
    """Read a table; its ending says what it is. Raises FoveateError: absent, another kind, not UTF-8, ragged,
    without a header, with a column twice."""
    if not file.is_file():
        raise FoveateError(f"the table {file} does not exist.")
    match file.suffix.lower():
        case ".csv" | ".tsv":
            return _from_text(file)
        case ".parquet":
            return _from_parquet(file)
        case ".xlsx":
            return _from_excel(file)
        case _:
            raise FoveateError(f"{file} is no table that can be read: save it as one of {', '.join(ENDINGS)}.")


def read_text(file: Path) -> str:
    """A UTF-8 file's text, with or without byte order mark. Raises FoveateError that names the wrong byte."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FoveateError(f"cannot read {file}: {error.strerror}.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        kind = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "not UTF-8"
        raise FoveateError(
            f"{file}, line {line}: byte 0x{data[error.start]:02x} (number {error.start + 1} of the file) is {kind}: "
            "save the table as UTF-8 (in a spreadsheet: 'CSV UTF-8')."
        ) from None


def _from_text(file: Path) -> Table:
    text = read_text(file)
    header_line = text.partition("\n")[0]
    separator = next((one for one in _SEPARATORS[file.suffix.lower()] if one in header_line), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header: list[str] = []
    rows, lines = [], []
    try:
        for cells in reader:
            if not any(cells):
                continue  # an empty line
            if not header:
                header = cells
                continue
            if len(cells) != len(header):
                raise FoveateError(
                    f"{file}, line {reader.line_num} has {len(cells)} cells, the header has {len(header)}: put a text "
                    f"that holds {separator!r} in double quotes."
                )
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise FoveateError(f"{file}, line {reader.line_num} is not readable as a table: {error}.") from error
    return _table(file, header, rows, lines)


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


def _table(file: Path, header: list[str], rows: Iterable[Iterable[Any]], lines: Iterable[int]) -> Table:
    """Raises FoveateError for a table without a header or with a column twice; columns without a name are left out."""
    columns = [name for name in header if name]
    if not columns:
        raise FoveateError(f"{file} is empty: it needs a header, such as path,label, and a row for each image.")
    for name, count in Counter(columns).items():
        if count > 1:
            raise FoveateError(f"{file} has the column {name!r} {count} times: rename all but one.")
    texts = [{name: _text(cell) for name, cell in zip(header, row, strict=False) if name} for row in rows]
    return Table(file, columns, texts, list(lines))


def _text(cell: Any) -> str:
    """A cell as a person would have typed it into a CSV: 3.0 is 3, since spreadsheets keep whole numbers so."""
    if cell is None or (isinstance(cell, float) and cell != cell):  # NaN is not equal to itself
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
