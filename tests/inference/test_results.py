"""Predictions as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from foveate.inference.model import ModelFacts
from foveate.inference.results import NOTICE, Row, document, printable, spreadsheet, table, warning_lines

CLASSES = ("normal", "a mass")
ROWS = [
    Row("in/1.png", "normal", (0.75, 0.25), ("small",)),
    Row("in/broken.png", unreadable="is damaged"),
    Row("in/2\udcff\n.png", "a mass", (0.0001, 0.9999), overlay="o/2.png", blank=True),
]


def test_one_line_an_image() -> None:
    assert table(ROWS, CLASSES).splitlines() == [
        "image             prediction  normal  a mass",
        "in/1.png          normal      0.7500  0.2500",
        r"in/2\udcff\n.png  a mass      0.0001  0.9999",
    ]


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
    assert (said["images"][1]["overlay"], said["images"][1]["blank"]) == ("o/2.png", True)
    assert said["unreadable"] == [{"path": "in/broken.png", "reason": "is damaged"}]


def test_the_spreadsheet_keeps_all_digits_and_the_unreadable() -> None:
    rows = list(csv.DictReader(io.StringIO(spreadsheet(ROWS, CLASSES))))
    assert list(rows[0]) == ["path", "prediction", "p_normal", "p_a mass", "warnings", "unreadable"]
    assert float(rows[2]["p_normal"]) == 0.0001
    assert (rows[1]["prediction"], rows[1]["p_normal"], rows[1]["unreadable"]) == ("", "", "is damaged")
    spreadsheet(ROWS, CLASSES).encode()  # no undecodable name is left in it


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
