"""No text of a reader, reading's file or table becomes a formula, whichever separator a spreadsheet program takes."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from foveate.reading import cases_and_key
from foveate.reading.answers import Answer, answers_csv, clean, read_answers, redcap_dictionary, redcap_records
from foveate.reading.cases_and_key import KeyRow, PublicCase, cases_csv, key_csv
from foveate.reading.export import BlindRow, blind_csv, long_csv
from foveate.reading.result_files import Names, lines_of, read_summaries, scores_csv, summaries_csv
from foveate.reading.results import DatasetResults, ReaderRow
from foveate.report.table_files import readers_csv
from tests.formulas import PAYLOADS, formulas

SHOWN = ("-a", "+b", "c")
AT = "2026-04-01T08:00:00+00:00"
ANSWERS = tuple(
    Answer("-r1", f"c{number}", number, False, SHOWN, "+b", 1.5, text) for number, text in enumerate(PAYLOADS, start=1)
)
CASES = tuple(answer.case for answer in ANSWERS)
READERS = (ReaderRow("-r1", "radiology", "5-9", True, False, len(ANSWERS)),)
BLIND = blind_csv([BlindRow("-r1", "3f", n, False, "B", words, 900, AT) for n, words in enumerate(PAYLOADS, start=1)])
OWN = DatasetResults("@mri", "=MRI", SHOWN, CASES, 1, True, READERS, ANSWERS, {"-r1": "\n".join(PAYLOADS)})


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_the_payloads_are_formulas_where_nothing_guards_them() -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["r1", payload] for payload in PAYLOADS])
    assert len(formulas(text.getvalue())) > len(PAYLOADS)


@pytest.mark.parametrize(
    "text",
    [
        BLIND,
        long_csv(OWN, "=study"),
        redcap_records(ANSWERS),
        redcap_dictionary(SHOWN),
        readers_csv(OWN),
    ],
    ids=["blind", "long", "REDCap records", "REDCap dictionary", "readers"],
)
def test_no_export_holds_a_formula(text: str) -> None:
    assert formulas(text) == []


def test_no_file_of_the_results_holds_a_formula_and_all_are_read_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    text = answers_csv(ANSWERS)
    assert formulas(text) == []
    path.write_text(text, encoding="utf-8", newline="")
    assert read_answers(path) == tuple(replace(answer, description=clean(answer.description)) for answer in ANSWERS)
    text = summaries_csv(OWN.summaries)
    assert formulas(text) == []
    path.write_text(text, encoding="utf-8", newline="")
    assert read_summaries(path, Names(["-r1"], CASES, SHOWN)) == {"-r1": lines_of("\n".join(PAYLOADS))}


def test_the_key_and_the_cases_hold_no_formula_and_are_read_as_they_were(tmp_path: Path) -> None:
    names = [f"{number:032x}" for number in range(len(PAYLOADS))]
    cases = tuple(PublicCase("@mri", name, False, 4, 3, text) for name, text in zip(names, PAYLOADS, strict=True))
    key = tuple(
        KeyRow("@mri", name, False, "-c", text, "all", "+b", 1, name, 0.5, None, None)
        for name, text in zip(names, PAYLOADS, strict=True)
    )
    (tmp_path / "key").mkdir()
    for path, text in ((tmp_path / "cases.csv", cases_csv(cases, True)), (tmp_path / "key/key.csv", key_csv(key))):
        path.write_text(text, encoding="utf-8", newline="")
        assert formulas(text) == []
    assert cases_and_key.read_cases(tmp_path) == cases
    assert cases_and_key.read_key(tmp_path) == key


def test_every_text_is_in_quotes_and_numbers_are_numbers() -> None:
    assert blind_csv([BlindRow("r1", "3f", 1, False, "B", "rim", 900, AT)]).splitlines()[1] == (
        f'"r1","3f",1,0,"B","rim",900,"{AT}"'
    )
    assert scores_csv({("c1", "c"): {"auc": 0.75, "energy": -0.5}}).splitlines()[1] == '"c1","c",0.75,-0.5,""'


def test_redcap_takes_records_and_dictionary_as_before() -> None:
    dictionary = {row["Variable / Field Name"]: row for row in rows(redcap_dictionary(SHOWN))}
    choices = dictionary["choice"]["Choices, Calculations, OR Slider Labels"].split(" | ")
    assert [choice.split(", ")[0] for choice in choices] == ["1", "2", "3", "0", "99"]
    records = rows(redcap_records(ANSWERS))
    assert list(records[0]) == list(dictionary)
    assert {record["choice"] for record in records} == {"1"}  # +b stands before -a and c
    assert [record["showing"] for record in records] == [str(answer.showing) for answer in ANSWERS]
    assert all(name.replace("_", "a").isalnum() for name in dictionary)
