"""LibreOffice Calc finds no formula in any export, whichever separator it is told to take."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from foveate.inference.results import spreadsheet
from foveate.reading.answers import answers_csv, redcap_dictionary, redcap_records
from foveate.reading.cases_and_key import PublicCase, cases_csv
from foveate.reading.export import long_csv
from foveate.reading.result_files import summaries_csv
from foveate.report.table_files import readers_csv
from tests.formulas import PAYLOADS, SEPARATORS
from tests.inference.rows import NAMED, NAMES
from tests.reading.test_formulas import ANSWERS, BLIND, OWN, SHOWN

CALC = shutil.which("soffice")
pytestmark = pytest.mark.skipif(CALC is None, reason="LibreOffice is not installed")


def opened(files: list[Path], separator: str, work: Path) -> dict[str, int]:
    """How many formulas Calc finds in each file: of a flat OpenDocument table, cells with `table:formula`."""
    filter_ = f"CSV:{ord(separator)},34,76,1,,0,false,true,false,false,false,0,true"  # ", UTF-8, formulas are evaluated
    profile = f"-env:UserInstallation={(work / 'profile').as_uri()}"
    command = [
        CALC or "",
        profile,
        "--headless",
        f"--infilter={filter_}",
        "--convert-to",
        "fods",
        "--outdir",
        str(work),
    ]
    subprocess.run([*command, *map(str, files)], check=True, capture_output=True, timeout=300)
    tables = {file.name: (work / f"{file.stem}.fods").read_text(encoding="utf-8") for file in files}
    assert all("<table:table-cell" in table for table in tables.values())
    return {name: len(re.findall("table:formula=", table)) for name, table in tables.items()}


def written(folder: Path) -> list[Path]:
    """Every kind of CSV for people, full of formulas, and one that nothing guards."""
    bare = io.StringIO()
    csv.writer(bare, lineterminator="\n").writerows([["r1", payload] for payload in PAYLOADS])
    texts = {
        "bare": bare.getvalue(),
        "blind": BLIND,
        "long": long_csv(OWN, "=study"),
        "records": redcap_records(ANSWERS),
        "dictionary": redcap_dictionary(SHOWN),
        "readers": readers_csv(OWN),
        "cases": cases_csv([PublicCase("=x", f"{0:032x}", False, 4, 3, payload) for payload in PAYLOADS], True),
        "answers": answers_csv(ANSWERS),
        "summaries": summaries_csv(OWN.summaries),
        "predictions": spreadsheet(NAMED, NAMES),
    }
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return sorted(folder.glob("*.csv"))


@pytest.mark.parametrize("separator", list(SEPARATORS))
def test_calc_finds_no_formula(tmp_path: Path, separator: str) -> None:
    found = opened(written(tmp_path), SEPARATORS[separator], tmp_path)
    assert found.pop("bare.csv") > 0  # so it does evaluate
    assert len(found) == 9
    assert set(found.values()) == {0}
