"""Tables of scores from anywhere: what is read, and what is refused with the line and the remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foveate.errors import FoveateError
from foveate.evaluation.scores import from_table, same_cases, stacked

HEAD = "case,label,model,repeat,score"
GOOD = ["a,0,m,1,0.1", "b,1,m,1,0.9", "a,0,n,1,0.3", "b,1,n,1,0.2"]


def write(path: Path, lines: list[str], head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def test_runs_are_read_in_the_order_of_the_table_with_cases_sorted(tmp_path: Path) -> None:
    (first, second), diseased = from_table(write(tmp_path / "t.csv", ["b,1,m,1,0.9", "a,0,m,1,0.1", *GOOD[2:]]))
    assert (first.model, first.repeat, second.model, diseased) == ("m", 1, "n", "1")
    assert first.cases.tolist() == ["a", "b"]
    assert first.labels.tolist() == [False, True]
    assert second.scores.tolist() == [0.3, 0.2]
    assert first.patients is None
    assert first.probabilities
    assert same_cases([first, second])
    assert stacked([first, second], ("n", "m"), (1,)).tolist() == [[[0.3, 0.2]], [[0.1, 0.9]]]


def test_words_as_labels_a_byte_order_mark_and_names_that_look_like_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"\ufeff{HEAD}\nNA,benign,null,1,-3\n007,malignant,null,1,2\n", encoding="utf-8")
    (run,), diseased = from_table(path)
    assert diseased == "malignant"
    assert run.model == "null"
    assert run.cases.tolist() == ["007", "NA"]
    assert run.labels.tolist() == [True, False]
    assert not run.probabilities  # scores outside 0 to 1 are no probabilities


def test_cases_without_a_patient_stand_alone(tmp_path: Path) -> None:
    lines = [f"{line},{patient}" for line, patient in zip(GOOD, ("p", "", "p", ""), strict=True)]
    (run, _), _ = from_table(write(tmp_path / "t.csv", lines, f"{HEAD},patient"))
    assert run.patients is not None
    assert run.patients.tolist() == ["p", "case b"]


@pytest.mark.parametrize(
    ("lines", "head", "message"),
    [
        (GOOD, "case,label,model,run,score", "has no column 'repeat'.*It has case, label, model, run, score"),
        ([], HEAD, "has no rows"),
        ([*GOOD[:3], "b,1,n,1,"], HEAD, r"line 5: score '' is not a finite number\."),
        ([*GOOD[:3], "b,1,n,1,inf"], HEAD, "line 5: score 'inf' is not a finite number"),
        (["a,0,m,1,x", "b,1,m,1,y"], HEAD, r"line 2: score 'x' is not a finite number \(2 such rows\)"),
        (["a,0,m,one,0.1"], HEAD, "line 2: repeat 'one' is not a whole number"),
        (["a,0,m,9223372036854775808,0.1"], HEAD, "line 2: repeat '9223372036854775808' is not a whole number up to"),
        (["a,0, ,1,0.1"], HEAD, "line 2: model ' ' is not a name"),
        ([*GOOD, GOOD[0]], HEAD, "line 6: case a stands twice in repeat 1 of m"),
        ([*GOOD[:2], "a,1,n,1,0.3", "b,1,n,1,0.2"], HEAD, "case a has more than one label"),
        (GOOD[:3], HEAD, "repeat 1 of n has no score for 1 of 2 cases, such as b"),
        ([line.replace(",0,", ",1,") for line in GOOD], HEAD, r"labels must be two.*not 1 \(1\)"),
        ([*GOOD, "c,2,m,1,0.5", "c,2,n,1,0.5"], HEAD, r"labels must be two.*not 3 \(0, 1, 2\)"),
    ],
)
def test_what_is_refused(tmp_path: Path, lines: list[str], head: str, message: str) -> None:
    path = write(tmp_path / "t.csv", lines, head)
    with pytest.raises(FoveateError, match=message) as caught:
        from_table(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_case_with_two_patients_is_refused(tmp_path: Path) -> None:
    lines = [f"{line},{patient}" for line, patient in zip(GOOD, "pqrs", strict=True)]
    with pytest.raises(FoveateError, match="case a has more than one patient"):
        from_table(write(tmp_path / "t.csv", lines, f"{HEAD},patient"))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(FoveateError, match=r"line 1: byte 0x89 \(number 1 of the file\) is not UTF-8"):
        from_table(tmp_path / "picture.csv")
    with pytest.raises(FoveateError, match=r"nowhere\.csv does not exist"):
        from_table(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(FoveateError, match="is empty: it needs a header"):
        from_table(tmp_path / "empty.csv")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_tables_of_spreadsheets_elsewhere(tmp_path: Path, separator: str) -> None:
    """The same scores with another separator and decimal commas."""
    text = "\n".join([HEAD, *GOOD]).replace(",", separator).replace("0.", "0,")
    (tmp_path / "t.csv").write_text(text)
    (first, second), diseased = from_table(tmp_path / "t.csv")
    assert diseased == "1"
    assert first.scores.tolist() == [0.1, 0.9]
    assert second.scores.tolist() == [0.3, 0.2]


def test_other_encodings_of_scores_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\n".join([HEAD, *GOOD]).encode("utf-16"))
    with pytest.raises(FoveateError, match="byte 0xff .* is UTF-16: save the table as UTF-8"):
        from_table(tmp_path / "t.csv")


def test_a_row_is_named_by_its_line_in_the_file(tmp_path: Path) -> None:
    """An empty line and a line end within quotes count."""
    lines = ["", '"a\nof two lines",0,m,1,0.1', "b,1,m,1,much"]
    with pytest.raises(FoveateError, match="line 5: score 'much' is not a finite number"):
        from_table(write(tmp_path / "t.csv", lines))


def test_it_reads_what_pandas_writes(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random(6)
    table = pd.DataFrame({"case": list("abc") * 2, "label": [0, 1, 1] * 2, "model": "m", "repeat": [1] * 3 + [2] * 3})
    table.assign(score=scores).to_csv(tmp_path / "t.csv", index=False)
    assert np.array_equal(np.concatenate([run.scores for run in from_table(tmp_path / "t.csv")[0]]), scores)
