"""Separators, line ends, quotes and encodings as spreadsheets of all countries write them."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foveate.data.sources.tables import read_table
from foveate.errors import FoveateError


def write(folder: Path, data: str | bytes, name: str = "t.csv") -> Path:
    file = folder / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


@pytest.mark.parametrize(
    ("text", "columns", "first"),
    [
        ("path;label;age, years\na.png;1;40\n", ["path", "label", "age, years"], ["a.png", "1", "40"]),
        ("path;label;age, years\na.png;1;40,5\n", ["path", "label", "age, years"], ["a.png", "1", "40,5"]),
        ("path,label;kind\na.png,1;2\nb.png,0\n", ["path", "label;kind"], ["a.png", "1;2"]),
        ('"path";"label, as read"\n"a;b.png";"1"\n', ["path", "label, as read"], ["a;b.png", "1"]),
        ('"path, of the image",label\na.png,1\n', ["path, of the image", "label"], ["a.png", "1"]),
        ("path\tlabel, read\na.png\t1\n", ["path", "label, read"], ["a.png", "1"]),
        ("path|label\na,b.png|1\n", ["path", "label"], ["a,b.png", "1"]),
        ("sep=;\npath;label\na.png;1\n", ["path", "label"], ["a.png", "1"]),
        ('"sep=,"\r\npath,label\r\na;b;c.png,1\r\n', ["path", "label"], ["a;b;c.png", "1"]),
        ("path,label\ra.png,1\rb.png,0\r", ["path", "label"], ["a.png", "1"]),
        ("path,label,,\na.png,1,,\n,,,\n\n", ["path", "label"], ["a.png", "1"]),
        ("path,label\na.png,1,,\n", ["path", "label"], ["a.png", "1"]),
        ("path;label\na.png;1;\n", ["path", "label"], ["a.png", "1"]),
        ("\ufeffpath;label\n\n \na.png;1\n", ["path", "label"], ["a.png", "1"]),
        ("path\na.png\n", ["path"], ["a.png"]),
    ],
)
def test_the_separator_is_told_by_all_of_the_header(
    tmp_path: Path, text: str, columns: list[str], first: list[str]
) -> None:
    table = read_table(write(tmp_path, text))
    assert table.columns == columns
    assert list(table.rows[0].values()) == first


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"path,label\ra.png,n\xe6vus\r", r"line 2: byte 0xe6 \(number 19 of the file\) is not UTF-8: save the table"),
        ("path,label\n".encode("utf-16"), r"line 1: byte 0xff \(number 1 of the file\) is UTF-16: save the table"),
        ("path,label\n".encode("utf-16-be"), r"line 1: byte 0x00 .* is no text, perhaps UTF-16 without its mark"),
        (b"path,label\na\0.png,1\n", r"line 2: byte 0x00 \(number 13 of the file\) is no text"),
        (b'path,label\na.png,1\nb.png,"0\nc.png,1\n', r"after line 2 is no table: unexpected end of data"),
        (b'path,label\n"a".png,1\n', r"after line 1 is no table"),
        (b"path,label,age\na.png,1\n", r"line 2 has 2 cells, the header has 3"),
        (b"sep=;\npath;label\na.png;1\nb;png;1\n", r"line 4 has 3 cells, the header has 2: .*';' in double quotes"),
        (b"path,label\na.png," + b"x" * 140_000, r"after line 1 is no table: field larger than field limit"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(FoveateError, match=message):
        read_table(write(tmp_path, data))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a;b\n0,5;1\n", 0.5),
        ("a;b\n-1,25e2;1\n", -125.0),
        ("a;b\n1.234,5;1\n", math.nan),  # a point for thousands: refused, not guessed
        ("a,b\n0.5,1\n", 0.5),
        ('a,b\n"0,5",1\n', math.nan),  # perhaps 5
        ("a,b\n1_0,1\n", math.nan),
        ("a,b\nmuch,1\n", math.nan),
    ],
)
def test_numbers_with_a_decimal_comma(tmp_path: Path, text: str, number: float) -> None:
    assert read_table(write(tmp_path, text)).number(0, "a") == pytest.approx(number, nan_ok=True)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(st.lists(NAMES.filter(str.strip), min_size=1, max_size=6), st.sampled_from(",;\t|"), st.booleans())
@example(['-rf,a#b%20\n\r\u202e\\ "x".png'], ";", False)
def test_any_name_comes_back_from_a_table(tmp_path: Path, names: list[str], separator: str, quoted: bool) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([["path", "label"], *([name, "x"] for name in names)])
    table = read_table(write(tmp_path, text.getvalue()))
    assert [row["path"] for row in table.rows] == names
