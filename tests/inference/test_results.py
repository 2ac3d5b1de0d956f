"""Predictions as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from foveate.inference.model import ModelFacts
from foveate.inference.results import NOTICE, Row, document, printable, spreadsheet, table, warning_lines
from foveate.spreadsheets import unguarded
from tests.formulas import formulas
from tests.inference.rows import NAMED, NAMES

CLASSES = ("normal", "a mass")
ROWS = [
    Row("in/1.png", "normal", (0.75, 0.25), ("small",)),
    Row("in/broken.png", unreadable="is damaged"),
    Row("in/2\udcff\n.png", "a mass", (0.0001, 0.9999), overlay="o/2.png", blank=True, flat=False),
]


def test_one_line_an_image() -> None:
    assert table(ROWS, CLASSES).splitlines() == [
        "image             prediction  normal  a mass",
        "in/1.png          normal      0.7500  0.2500",
        r"in/2\udcff\n.png  a mass      0.0001  0.9999",
    ]


LONG = "/data/hospital/department of radiology/2024-05-17/patient-000017/series-4/slice-0031.dcm"


def test_long_paths_keep_their_ends_and_lines_their_length() -> None:
    rows = [Row(LONG, "normal", (0.75, 0.25)), Row("a.png", "a mass", (0.0, 1.0))]
    lines = table(rows, CLASSES, width=80).splitlines()
    assert [len(line) for line in lines] == [80, 80, 80]
    assert lines[1].startswith("…")
    assert lines[1].endswith("series-4/slice-0031.dcm  normal      0.7500  0.2500")
    assert LONG in table(rows, CLASSES, width=200)


@pytest.mark.parametrize("count", [3, 9, 40])
def test_many_classes_with_long_names_fit_too(count: int) -> None:
    names = [f"{number:02} squamous cell carcinoma {number:02}" for number in range(count)]
    chances = tuple(1.0 * (number == 1) for number in range(count))
    lines = table([Row(LONG, names[1], chances)], names, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert "slice-0031.dcm  01 squ" in lines[1]
    assert ("its probability" in lines[0]) == (count > 3)
    assert "1.0000" in lines[1]


def test_classes_that_would_look_alike_are_not_shortened() -> None:
    names = ["an adenocarcinoma of one kind, left", "an adenocarcinoma of two kind, left", "c" * 30]
    (head, line) = table([Row(LONG, names[0], (1.0, 0.0, 0.0))], names, width=80).splitlines()
    assert "its probability" in head
    assert line.count("1.0000") == 1


def test_the_document() -> None:
    facts = ModelFacts(Path("run"), "resnet18", CLASSES, 40, "pad", 3, frozenset(["grey"]))
    text = document(ROWS, facts)
    assert text.isascii()
    said = json.loads(text)
    assert list(said) == ["notice", "model", "images", "unreadable"]
    assert said["notice"] == NOTICE
    assert said["model"]["classes"] == list(CLASSES)
    assert said["model"]["trained_on"] == ["grey"]
    assert said["images"][0] == {
        "path": "in/1.png",
        "prediction": "normal",
        "probabilities": {"normal": 0.75, "a mass": 0.25},
        "warnings": ["small"],
    }
    assert said["images"][1]["path"] == "in/2\udcff\n.png"
    assert [said["images"][1][key] for key in ("overlay", "blank", "flat")] == ["o/2.png", True, False]
    assert said["unreadable"] == [{"path": "in/broken.png", "reason": "is damaged"}]


def test_the_spreadsheet_keeps_all_digits_and_the_unreadable() -> None:
    rows = list(csv.DictReader(io.StringIO(spreadsheet(ROWS, CLASSES))))
    assert list(rows[0]) == ["path", "prediction", "p_normal", "p_a mass", "warnings", "unreadable", "overlay"]
    assert float(rows[2]["p_normal"]) == 0.0001
    assert (rows[1]["prediction"], rows[1]["p_normal"], rows[1]["unreadable"]) == ("", "", "is damaged")
    spreadsheet(ROWS, CLASSES).encode()  # no undecodable name is left in it


def test_names_of_files_and_classes_are_no_formulas_in_the_spreadsheet() -> None:
    text = spreadsheet(NAMED, NAMES)
    assert formulas(text) == []
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [unguarded(row["prediction"]) for row in rows] == list(NAMES)
    assert [unguarded(row["path"]) for row in rows] == [printable(name) for name in NAMES]


@pytest.mark.parametrize(("name", "shown"), [("ä 1.png", "ä 1.png"), ("a\tb\x1b[0m", r"a\tb\x1b[0m")])
def test_names_are_shown_in_one_line(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_a_warning_that_many_share_is_one_line() -> None:
    rows = [Row(f"{number}.png", "normal", (1.0, 0.0), ("small",)) for number in range(7)]
    rows.append(Row("x.png", "normal", (1.0, 0.0), ("empty", "small")))
    assert warning_lines(rows) == [
        "warning: small: 0.png, 1.png, 2.png, 3.png, 4.png and 3 more (--json and --out name all)",
        "warning: empty: x.png",
    ]
