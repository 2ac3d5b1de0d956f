"""YAML and JSON from outside that would break the program, or are not what they seem, are one line for a person."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.config import load_study
from foveate.config.yaml_and_json import DEEPEST, LARGEST, WrongDocumentError, load_json, load_yaml
from foveate.errors import FoveateError, UsageError
from foveate.reading import package
from foveate.reading.questions import read_questions

LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5000))
WRONG = [
    ("[" * 5000 + "]" * 5000, "line 1 .* more than 40 deep"),
    ("{a: " * 5000 + "}" * 5000, "line 1 .* more than 40 deep"),
    ("a: 1\n" + "".join(f"{' ' * n}b:\n" for n in range(300)), "line 4. .* more than 40 deep"),
    ("- " * 5000, "more than 40 deep"),
    (CHAIN, "more than 40 deep"),
    (LAUGHS, "line [67] .* its aliases make more than 100,000 values"),
    ("a: &a {b: *a}", "line 1 .* the alias a leads round in a circle"),
    ("seed: 1\nmodels: [x]\nseed: 2\n", "line 3 .* seed stands there twice"),
    ("recipe: {epochs: 1, epochs: 2}", "line 1 .* epochs stands there twice"),
    ("seed: " + "9" * 5000, "line 1 .* a number of 5,000 digits"),
    ("a: 0x" + "f" * 9000, "line 1 .* a number of 9,002 digits"),
    ("a: 1" + ":59" * 9000, "line 1 .* a number of 27,001 digits"),
    ("a:\n  b: .nan", r"line 2 .* \.nan is no number that can be used"),
    ("a: [1, -.inf]", r"line 1 .* -\.inf is no number that can be used"),
    ("a: 2024-99-99", "line 1 .* '2024-99-99' is no date"),
    ("a: !!bool maybe", "line 1 .* !!bool .* leave it out"),
    ("a: !!timestamp x", "line 1 .* leave it out"),
    ("a: !!int ''", "line 1 .* leave it out"),
    ("a: !!python/object/apply:os.system [id]", "line 1 .* leave it out"),
    ("a: 1\n\tb: 2", "line 2 .* '\\\\t'"),
    ("a: \x00", "not valid YAML"),
    ("a: 1\n---\nb: 2", "line 2 .* another document"),
    ("{[a, b]: c}", "line 1 .* unhashable key"),
    ("a: *nobody", "line 1 .* undefined alias"),
    ("x" * (LARGEST + 1), "is larger than 1,024 KiB"),
    (b"a: \xff\xfe", "is not a text file in UTF-8"),
    ("a: 1".encode("utf-16"), "is not a text file in UTF-8"),
]


def refused(content: str | bytes, says: str, file: Path, read: Any) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FoveateError, match=f"(?s){file.name}.*{says}") as error:
        read(file)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("content", "says"), WRONG)
def test_a_study_is_refused_by_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    refused(content, says, tmp_path / "mine.yaml", load_study)


@pytest.mark.parametrize(("content", "says"), WRONG)
def test_questions_are_refused_by_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    refused(content, says, tmp_path / "questions.yaml", read_questions)


@pytest.mark.parametrize(("content", "says"), [WRONG[0], WRONG[5], WRONG[7]])
def test_a_reader_study_is_refused_by_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    refused(content, says, tmp_path / package.STUDY, lambda file: package.load(file.parent))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").mkdir()
    for read in (lambda: read_questions(tmp_path / "study.yaml"), lambda: package.load(tmp_path)):
        with pytest.raises(FoveateError, match="cannot read .*study.yaml: Is a directory"):
            read()
    with pytest.raises(UsageError, match="there is no study"):
        load_study(tmp_path / "study.yaml")


def test_what_is_right_is_read() -> None:
    text = (
        "\ufeffbase: &base {x: 1, y: [a, 2.5]}\nmore: {<<: *base, x: 2}\nnone: ~\nwhen: 2024-02-29\nbig: 123456789012\n"
    )
    read = load_yaml(text)
    assert read["more"] == {"x": 2, "y": ["a", 2.5]}
    assert (read["none"], str(read["when"]), read["big"]) == (None, "2024-02-29", 123456789012)
    assert load_yaml("[" * DEEPEST + "]" * DEEPEST) is not None
    assert load_yaml("a: '.nan'\nb: '2024-99-99'\nc: '" + "9" * 5000 + "'")["a"] == ".nan"
    assert load_yaml("") is None


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.text("[]{}:-,&*!|>'\" \n\t01.eEinfa?<#%@`", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for load in (load_yaml, load_json):
        with contextlib.suppress(WrongDocumentError):  # no other error ever leaves it
            load(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('{"a": ' * 100_000 + "1" + "}" * 100_000, "nested too deep"),
        ("[" + "9" * 5000 + "]", "digits"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": [-Infinity]}', "-Infinity is no number"),
        ('{"a": 1, "a": 2}', "a stands there twice"),
        ("", "Expecting value"),
        ("{'a': 1}", "Expecting property name"),
        ('"\x00"', "Invalid control character"),
    ],
)
def test_json_is_refused(text: str, says: str) -> None:
    with pytest.raises(WrongDocumentError, match=says):
        load_json(text)


def test_json_is_read() -> None:
    assert load_json('\ufeff{"a": [1, 2.5, null, "x"]}') == {"a": [1, 2.5, None, "x"]}
