"""Answers on disk: what is written is read again, formulas stay text, and what cannot be is refused by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveate.errors import FoveateError
from foveate.reading import answers as module
from foveate.reading.answers import (
    CANNOT_JUDGE,
    NONE,
    Answer,
    answers_csv,
    checked,
    clean,
    codebook,
    models_of,
    read_answers,
    redcap_dictionary,
    redcap_records,
)


def write_answers(answers: Iterable[Answer], path: Path) -> None:
    path.write_text(answers_csv(answers), encoding="utf-8", newline="")


MODELS = ("resnet18", "resnet18+cbam", "resnet18+se")
SHOWN = ("resnet18+se", "resnet18", "resnet18+cbam")
FIRST = Answer("r1", "c1", 1, False, SHOWN, "resnet18", 12.5, 'covers, the "lesion"')
HEAD = "reader,case,showing,repeat,letters,choice,seconds,description\n"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = (
        FIRST,
        Answer("r1", "c2", 2, False, MODELS, NONE, 0.1, "=1+1"),
        Answer("r1", "c1", 3, True, MODELS, CANNOT_JUDGE, 301, "'quoted'"),
        Answer("-r2", "@c1", 1, False, MODELS, "resnet18+se", 3.0),
    )
    path = tmp_path / "answers.csv"
    write_answers(rows, path)
    assert read_answers(path) == read_answers(path, MODELS) == rows
    text = path.read_text(encoding="utf-8")
    assert text.replace('"', "").startswith(HEAD)
    assert '"\'=1+1"' in text
    assert '"\'-r2","\'@c1"' in text
    assert '"r1","c1",1,"no","resnet18+se|resnet18|resnet18+cbam","resnet18",12.5,' in text


@given(st.text())
def test_clean_text_is_one_line_and_stays_as_it_is(text: str) -> None:
    found = clean(text)
    assert clean(found) == found
    assert len(found.splitlines()) <= 1
    found.encode()


def test_a_text_is_cleaned_of_control_characters_and_marks_of_direction() -> None:
    assert clean("\u202egrün\u200f \x00\x1b[1m\nzwei\tdrei\u2067 ") == "grün [1m zwei drei"
    assert clean("لا 👩\u200d⚕️") == "لا 👩\u200d⚕️"  # joiners are part of letters and signs


def test_any_description_survives_the_file_once_cleaned(tmp_path: Path) -> None:
    words = ["\u202e=cmd", "a\r\nb", "\ud800", "\ufeff", "''", "'=", "\uff1d1", "\x85", '"', ",", "\x00"]
    rows = [replace(FIRST, case=f"c{n}", showing=n, description=text) for n, text in enumerate(words, start=1)]
    write_answers(rows, tmp_path / "a.csv")
    assert [row.description for row in read_answers(tmp_path / "a.csv")] == [clean(text) for text in words]


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = "extra," + HEAD.replace("\n", "\r\n") + '1,r1,c1,1,no,b|a,a,3,"two\nlines"\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_answers(path) == (Answer("r1", "c1", 1, False, ("b", "a"), "a", 3.0, "two lines"),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("r1,c2,2,no,a|b|x,a,3,", "line 3: unknown model 'x'; the study has a, b, c"),
        ("r1,c2,2,no,a|b,a,3,", "line 3: letters lack 'c'"),
        ("r1,c2,2,no,a|b|b,a,3,", "line 3: letters must be 2 to 26 different models, not 'a|b|b'"),
        ("r1,c2,2,no,a|b|none,a,3,", "line 3: a model is named 'none'"),
        ("r1,c2,2,no,a|b|c,d,3,", "line 3: choice 'd' was not shown; it must be a, b, c, none or cannot judge"),
        ("r1,c2,2,no,a|b|c,a,-3,", "line 3: seconds -3.0 is not a number of at least 0"),
        ("r1,c2,2,no,a|b|c,a,nan,", "line 3: seconds nan is not"),
        ("r1,c2,2,no,a|b|c,a,soon,", "line 3: seconds 'soon' is not"),
        ("r1,c2,0,no,a|b|c,a,3,", "line 3: showing 0 is not 1 or more"),
        ("r1,c2,two,no,a|b|c,a,3,", "line 3: showing 'two' is not a whole number"),
        ("r1,c2,2,maybe,a|b|c,a,3,", "line 3: repeat 'maybe' is not yes or no"),
        (",c2,2,no,a|b|c,a,3,", "line 3: reader '' is no name"),
        ("r1,c2,1,no,a|b|c,a,3,", "line 3: showing 1 of reader r1 stands already in {path}, line 2; remove one"),
        ("r1,c1,2,no,a|b|c,a,3,", "line 3: the first showing of case c1 to reader r1 stands already in {path}, line 2"),
        ("r1,c2,2,no,a|b|c", "line 3: the row has not as many cells as the head"),
        ("r1,c2,2,no,a|b|c,a,3,one,two", "line 3: the row has not as many cells as the head"),
    ],
)
def test_a_wrong_line_is_named_with_its_remedy(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(HEAD + "r1,c1,1,no,a|b|c,a,3,fine\n" + line + "\n", encoding="utf-8")
    with pytest.raises(FoveateError) as error:
        read_answers(path)
    assert str(error.value).startswith(f"{path}, {message.format(path=path)}")
    assert len(str(error.value).splitlines()) == 1


def test_a_repeat_before_the_first_showing_is_refused() -> None:
    again = replace(FIRST, showing=2, repeat=True)
    assert checked([FIRST, again]) == (FIRST, again)
    with pytest.raises(FoveateError, match="answer 2: the repeat comes before the first showing"):
        checked([replace(FIRST, showing=3), again])


def test_what_is_no_table_of_answers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(FoveateError, match="cannot read"):
        read_answers(path)
    for data, message in ((b"\xff\xfe", "is no table"), (b"reader,case\n", "no column 'showing'"), (b"", "no column")):
        path.write_bytes(data)
        with pytest.raises(FoveateError, match=message):
            read_answers(path)
    path.write_text(HEAD + 'r1,c1,1,no,a|b,a,3,"open\n', encoding="utf-8")
    with pytest.raises(FoveateError, match="is no table"):
        read_answers(path)


def test_models_other_than_the_studys_are_refused(tmp_path: Path) -> None:
    write_answers([FIRST], tmp_path / "a.csv")
    with pytest.raises(FoveateError, match="line 2: unknown model 'resnet18'; the study has a, b"):
        read_answers(tmp_path / "a.csv", ["b", "a"])


def test_nothing_wrong_is_written(tmp_path: Path) -> None:
    with pytest.raises(FoveateError, match="answer 2: choice 'x' was not shown"):
        write_answers([FIRST, replace(FIRST, case="c2", showing=2, choice="x")], tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


def test_no_answers_are_a_file_too(tmp_path: Path) -> None:
    write_answers([], tmp_path / "a.csv")
    assert read_answers(tmp_path / "a.csv", MODELS) == ()
    assert models_of(()) == ()


def test_letter_is_the_place_of_the_choice() -> None:
    assert models_of([FIRST]) == MODELS
    assert FIRST.letter == 1
    assert replace(FIRST, choice=NONE).letter is None


def test_the_codebook_explains_every_column() -> None:
    text = codebook(MODELS)
    assert text.startswith("Models: `resnet18`, `resnet18+cbam`, `resnet18+se`.")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(module.MEANING)
    assert all(row.replace("\\|", "").count("|") == 3 for row in rows)


def test_redcaps_records_fit_its_dictionary() -> None:
    rows = (FIRST, replace(FIRST, case="c2", showing=2, choice=CANNOT_JUDGE, description="-"))
    dictionary = list(csv.DictReader(io.StringIO(redcap_dictionary(MODELS))))
    assert len(dictionary[0]) == 18
    records = list(csv.DictReader(io.StringIO(redcap_records(rows))))
    assert list(records[0]) == [field["Variable / Field Name"] for field in dictionary]
    shown = next(field for field in dictionary if field["Variable / Field Name"] == "shown_a")
    choice = next(field for field in dictionary if field["Variable / Field Name"] == "choice")
    assert shown["Choices, Calculations, OR Slider Labels"] == "1, resnet18 | 2, resnet18+cbam | 3, resnet18+se"
    assert choice["Choices, Calculations, OR Slider Labels"].endswith("| 0, none | 99, cannot judge")
    assert records[0]["shown_a"] == "3"
    assert [record["choice"] for record in records] == ["1", "99"]
    assert [record["record_id"] for record in records] == ["1", "2"]
    assert records[1]["description"] == "'-"
