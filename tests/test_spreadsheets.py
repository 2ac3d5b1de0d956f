"""No text becomes a formula in a spreadsheet program, whichever separator it takes; and every guard is undone."""

from __future__ import annotations

import csv
import io
import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.spreadsheets import GUARD, csv_text, guarded, table_text, unguarded, unguarded_table
from tests.formulas import PAYLOADS, SEPARATORS, SIGNS, formulas

CELLS = st.lists(
    st.sampled_from([*SIGNS, *SEPARATORS.values(), "'", '"', "\n", " ", "\u00a0", "\ufeff", "a", "1"]), max_size=8
)
TEXTS = st.text() | CELLS.map("".join) | st.sampled_from(PAYLOADS)
TABLES = st.lists(st.lists(TEXTS | st.integers(min_value=0), min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("=1+1", "'=1+1"),
        ("x;=1", "x;'=1"),
        ("x; =1", "x; '=1"),
        ('a, "-b", \uff20c', """a, "'-b", '\uff20c"""),
        ("two\n\n+lines", "two\n\n'+lines"),
        ("\ttab", "'\ttab"),
        ("a || b", "a |'| b"),
        ("'=1", "''=1"),
        ("a = b - c, 3 of 4; it's 5%", "a = b - c, 3 of 4; it's 5%"),
        ("resnet18+se|resnet18", "resnet18+se|resnet18"),
        ("", ""),
    ],
)
def test_an_apostrophe_stands_where_a_formula_could_begin_and_nowhere_else(text: str, right: str) -> None:
    assert guarded(text) == right
    assert unguarded(right) == text


@settings(deadline=None)
@given(TABLES)
def test_no_cell_is_a_formula_by_any_separator(rows: list[list[str | int]]) -> None:
    text = csv_text(rows)
    assert formulas(text) == []
    read = [[unguarded(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
    assert read == [[str(cell) for cell in row] for row in rows]


@settings(deadline=None)
@given(TEXTS)
def test_every_guard_is_undone_as_the_codebook_says(text: str) -> None:
    assert unguarded(guarded(text)) == text
    (pattern,) = re.findall(r'r"""(.+)"""', GUARD)
    assert re.sub(pattern, r"\1", guarded(text)) == text


def test_numbers_stay_numbers() -> None:
    assert csv_text([["a", -0.5, 3, ""], ["-1", 1e-7, -2, "b"]]) == '"a",-0.5,3,""\n"\'-1",1e-07,-2,"b"\n'


def test_a_table_is_guarded_and_read_as_it_was() -> None:
    table = pd.DataFrame({"model": ["=a", "x;=b", "c"], "delta": [-0.5, None, 2.0], "note;=1": ["", "-", "fine"]})
    text = table_text(table)
    assert text == '"model","delta","note;\'=1"\n"\'=a",-0.5,""\n"x;\'=b","","\'-"\n"c",2.0,"fine"\n'
    read = unguarded_table(
        pd.read_csv(io.StringIO(text), dtype={"model": str}, keep_default_na=False, na_values={"delta": [""]})
    )
    assert read["model"].tolist() == table["model"].tolist()
    assert read["delta"].tolist()[::2] == [-0.5, 2.0]
    assert read["note;'=1"].tolist() == ["", "-", "fine"]
