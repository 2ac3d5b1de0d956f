"""Exports: a row a slot with the model after unblinding, by letter before, no formulas, names that REDCap takes."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from foveate.errors import FoveateError
from foveate.reading.answers import CANNOT_JUDGE, NONE, Answer, redcap_dictionary, redcap_records
from foveate.reading.export import (
    BlindRow,
    as_json,
    blind_codebook,
    blind_csv,
    long_codebook,
    long_csv,
)
from foveate.reading.results import DatasetResults, ReaderRow
from tests.report.synthetic_reading import MODELS, simulated

AT = "2026-04-01T08:00:00+00:00"
HEAD = "study,dataset,reader,case,order_index,repeat,slot,model,chosen,choice,description,ms_active,ts_utc"


def study() -> DatasetResults:
    answers = (
        Answer("r1", "c1", 1, False, ("b", "a"), "a", 1.2345, "A, sharp"),
        Answer("r1", "c1", 2, True, ("a", "b"), NONE, 0.0, "=cmd()\nB"),
    )
    readers = (ReaderRow("r1", "radiology", "5-9", True, False, 2),)
    return DatasetResults("mri", "MRI", ("a", "b"), ("c1",), 1, True, readers, answers, {}, saved_at={("r1", 1): AT})


def quoted(head: str) -> str:
    return ",".join(f'"{name}"' for name in head.split(","))


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), strict=True))


def test_a_row_for_every_slot_with_the_model_that_stood_there() -> None:
    assert long_csv(study(), "my study").splitlines() == [
        quoted(HEAD),
        f'"my study","mri","r1","c1",1,0,"A","b",0,"a","A, sharp",1234,"{AT}"',
        f'"my study","mri","r1","c1",1,0,"B","a",1,"a","A, sharp",1234,"{AT}"',
        '"my study","mri","r1","c1",2,1,"A","a",0,"none","\'=cmd() B",0,""',
        '"my study","mri","r1","c1",2,1,"B","b",0,"none","\'=cmd() B",0,""',
    ]


def test_a_whole_study_has_readers_times_showings_times_models_rows() -> None:
    own = simulated(0.7)
    rows = parsed(long_csv(own, "s"))
    assert len(rows) == 5 * (12 + 1) * 4
    chosen = [row["model"] for row in rows if row["chosen"] == "1"]
    assert chosen == [row.choice for row in own.answers if row.letter is not None]
    assert all(row["ts_utc"] for row in rows)


def test_answers_that_cannot_be_are_refused() -> None:
    wrong = replace(study(), models=("a", "c"))
    with pytest.raises(FoveateError, match="unknown model 'b'"):
        long_csv(wrong, "s")


BLIND = BlindRow("r1", "3f", 1, False, "B", "+rim of A", 900, AT)


def test_before_unblinding_there_are_letters_and_no_models() -> None:
    rows = [BLIND, replace(BLIND, order_index=2, repeat=True, choice_letter=NONE, description="a\nb")]
    assert blind_csv(rows).splitlines() == [
        quoted("reader,case,order_index,repeat,choice_letter,description,ms_active,ts_utc"),
        f'"r1","3f",1,0,"B","\'+rim of A",900,"{AT}"',
        f'"r1","3f",2,1,"none","a b",900,"{AT}"',
    ]
    assert parsed(blind_csv([replace(BLIND, choice_letter=CANNOT_JUDGE)]))[0]["choice_letter"] == CANNOT_JUDGE


@pytest.mark.parametrize("choice", ["resnet18+cbam", "", "b", "AB"])
def test_a_choice_that_is_no_letter_never_leaves_a_blind_study(choice: str) -> None:
    with pytest.raises(ValueError, match="no letter must not leave a blind study: showing 1") as error:
        blind_csv([replace(BLIND, choice_letter=choice)])
    assert "resnet" not in str(error.value)


def test_json_holds_everything() -> None:
    own = simulated(0.7, readers=2)
    content = json.loads(as_json(own))
    assert list(content) == list(own.__dataclass_fields__)
    assert content["answers"][3] == {**vars(own.answers[3]), "letters": list(own.answers[3].letters)}
    assert {(row["case"], row["model"]): row["auc"] for row in content["scores"]} == {
        key: of["auc"] for key, of in own.scores.items()
    }
    assert {(row["reader"], row["showing"]): row["at"] for row in content["saved_at"]} == own.saved_at
    assert {row["reader"]: tuple(row["firsts"]) for row in content["schedule"]} == own.schedule


@pytest.mark.parametrize(
    ("codebook", "table"),
    [(long_codebook(MODELS), long_csv(study(), "s")), (blind_codebook(), blind_csv([BLIND]))],
    ids=["long", "blind"],
)
def test_a_codebook_has_every_column_once_and_in_order(codebook: str, table: str) -> None:
    named = re.findall(r"^\| `(\w+)` \| .+\. \|$", codebook, re.MULTILINE)
    assert named == next(csv.reader(io.StringIO(table)))
    assert ("resnet18" in codebook) == (table.startswith('"study"'))


def test_redcap_takes_the_names() -> None:
    own = simulated(0.7, readers=2)
    dictionary = parsed(redcap_dictionary(own.models))
    names = [row["Variable / Field Name"] for row in dictionary]
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) and len(name) <= 26 for name in names)
    assert {row["Form Name"] for row in dictionary} == {"reading"}
    records = parsed(redcap_records(own.answers))
    assert list(records[0]) == names
    choices = {row["Variable / Field Name"]: row["Choices, Calculations, OR Slider Labels"] for row in dictionary}
    codes = dict(part.split(", ", 1)[::-1] for part in choices["choice"].split(" | "))
    assert [row["choice"] for row in records] == [codes[answer.choice] for answer in own.answers]
