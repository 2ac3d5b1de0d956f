"""CSV for people: text that came from outside stays text in a spreadsheet program, whatever parts its cells there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# A program that takes another separator than the comma begins a cell behind each of these, quotes or not.
_PARTS = r""",;|"\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"""
_SIGNS = r"=+\-@%|\t\r\uff1d\uff0b\uff0d\uff20"  # of a formula or of a command, also in full width
_UNSEEN = r" \xa0\u2000-\u200f\u202f\u205f\u2060\u3000\ufeff\x00-\x08\x0e-\x1b\x1f\x7f"  # what such a program may skip
_BEGINS = rf"(?:\A|(?<=[{_PARTS}]))[{_UNSEEN}]*+"
_TO_GUARD = re.compile(rf"({_BEGINS})(?='*[{_SIGNS}])")
_GUARDED = re.compile(rf"({_BEGINS})'(?='*[{_SIGNS}])")

GUARD = f"""\
Text is in quotes. Where a spreadsheet program could take it for a formula, an apostrophe stands before the sign: before
= + - @ % | or a tab (also in full width) that begins a cell or stands behind , ; | a quote, a tab or the end of a line,
blanks in between or not. So it stays text whatever separates cells there. In Python, this takes the apostrophes away:

```python
re.sub(r\"\"\"{_GUARDED.pattern.replace("*+", "*")}\"\"\", r"\\1", cell)
```
"""


def guarded(text: str) -> str:
    """The text, with an apostrophe before each sign where a spreadsheet program could begin a formula."""
    return _TO_GUARD.sub(r"\1'", text)


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return _GUARDED.sub(r"\1", text)


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows of cells, the columns' names first, as the content of a CSV file: text guarded and in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


def table_text(table: pd.DataFrame) -> str:
    """A table of pandas in the same way; empty cells where there is no value."""
    texts = table.rename(columns=guarded).map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)
    return texts.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def unguarded_table(table: pd.DataFrame) -> pd.DataFrame:
    """The table whose text `table_text` was given, once pandas has read it."""
    return table.map(lambda cell: unguarded(cell) if isinstance(cell, str) else cell)
