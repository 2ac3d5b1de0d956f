"""Patients that a table names, and what is said where some are lost."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from foveate.config.dataset import Dataset
from foveate.data.sources import read_dataset
from foveate.data.sources.patients import patient_warnings
from foveate.data.sources.source import SourceImage
from tests.data.test_sources import touch


def warnings(*patients: str, column: str = "pid") -> list[str]:
    return patient_warnings([SourceImage(f"{n}.png", "a", patient=own) for n, own in enumerate(patients)], column)


@pytest.mark.parametrize(
    "spellings",
    [("007", "7"), ("7.0", "7"), ("P1", "p1"), ("P 1", "P1"), ("P-01", "P-1"), ("Ho\u0301", "H\u00f3"), ("1.00", "01")],
)
def test_patients_spelt_in_several_ways(spellings: tuple[str, str]) -> None:
    (said,) = warnings(*spellings, "other")
    assert said.startswith("1 patient seems to be spelt in several ways, which differ only in capital letters, spaces")
    assert not any(own in said.split("column")[0] for own in spellings if own not in "7.0")


@pytest.mark.parametrize(
    "others", [("10", "1"), ("1.5", "1"), ("100", "10"), ("P1", "P11"), ("1.10", "1.1"), ("0", "00x")]
)
def test_other_patients_are_no_spellings(others: tuple[str, str]) -> None:
    assert warnings(*others) == []


def test_patients_that_are_missing() -> None:
    assert warnings("p", "", " ") == ["2 of 3 images have no pid: each counts as another patient's"]
    assert warnings("", "") == ["the column pid is empty: no patient is known"]
    assert warnings("", "", column="") == []


def test_patients_of_a_spreadsheet(tmp_path: Path) -> None:
    """Excel makes 7 of 007 where the cell is a number, and keeps what is text; spaces at the ends are none."""
    book = openpyxl.Workbook()
    for row in (["path", "label", "patient"], ["1", "a", 7], ["2", "b", "007"], ["3", "b", "7 "], ["4", "a", 7.0]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    images = touch(tmp_path / "i", "1.png", "2.png", "3.png", "4.png")
    source = read_dataset(Dataset(source=str(images), table=str(tmp_path / "t.xlsx")))
    assert [image.patient for image in source.images] == ["7", "007", "7", "7"]
    assert "spelt in several ways" in source.warnings[0]
