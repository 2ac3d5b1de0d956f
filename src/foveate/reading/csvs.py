"""CSV: a file becomes rows of cells, each with its place for what is to be said about it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from foveate.errors import FoveateError
from foveate.spreadsheets import unguarded

Cells = dict[str, str]
TOO_FEW = "the row has not as many cells as the head; put text with commas in quotes"


def read_csv(path: Path, what: str) -> tuple[list[str], list[tuple[str, Cells]]]:
    """The columns, and the rows with where each stands, without guards against formulas.

    `what`: is needed instead, where this is no CSV.

    Raises FoveateError that names the file and the line.
    """
    try:
        table = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
        rows = [(f"{path}, line {table.line_num}", row) for row in table]
    except OSError as error:
        raise FoveateError(f"cannot read {path}: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FoveateError(f"{path} is no table ({error}): {what}.") from error
    for where, row in rows:
        if None in row or None in row.values():
            raise FoveateError(f"{where}: {TOO_FEW}.")
    whole = [(where, {name: unguarded(cell) for name, cell in row.items()}) for where, row in rows]
    return list(table.fieldnames or []), whole


def read_columns(path: Path, columns: list[str]) -> list[tuple[str, Cells]]:
    """The rows of a CSV file with at least these columns. Raises FoveateError."""
    found, rows = read_csv(path, f"a CSV file with {', '.join(columns)} is needed")
    if lacking := [name for name in columns if name not in found]:
        raise FoveateError(f"{path}, line 1: there is no column {lacking[0]!r}; it needs {', '.join(columns)}.")
    return rows
