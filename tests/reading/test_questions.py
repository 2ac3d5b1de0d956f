"""Questions are read from a file whole, or refused by file, number and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from foveate.errors import FoveateError
from foveate.reading.questions import QUESTIONS, Question, checked, example, read_questions

CHOICE = {"name": "best", "text": "Which?", "kind": "choice", "asked": "case"}
SCALE = {"name": "sure", "text": "How sure?", "kind": "scale", "asked": "end", "steps": 7, "low": "no idea"}
RATINGS = {"name": "each", "text": "How good?", "kind": "ratings", "asked": "case"}


def written(path: Path, questions: Any) -> Path:
    file = path / "questions.yaml"
    file.write_text(yaml.safe_dump(questions), encoding="utf-8")
    return file


def test_the_papers_questions_are_asked_where_none_are_given() -> None:
    assert checked(QUESTIONS) == QUESTIONS
    assert [(question.name, question.kind, question.asked) for question in QUESTIONS] == [
        ("choice", "choice", "case"),
        ("description", "text", "case"),
        ("summary", "text", "end"),
    ]
    assert QUESTIONS[0].text == "Which model focuses on the most important region?"
    assert QUESTIONS[1].text == "Explain the answer in condensed clinical terminology"


def test_the_example_can_be_read_and_has_the_papers_questions_first(tmp_path: Path) -> None:
    file = tmp_path / "questions.yaml"
    file.write_text(example(), encoding="utf-8")
    found = read_questions(file)
    assert found[:3] == QUESTIONS
    assert [(question.name, question.kind, question.asked, question.steps) for question in found[3:]] == [
        ("confidence", "scale", "case", 5),
        ("quality", "ratings", "case", 5),
    ]
    assert (found[3].low, found[3].high) == ("not at all", "completely")


def test_questions_keep_their_order_and_have_five_steps_unless_told(tmp_path: Path) -> None:
    found = read_questions(written(tmp_path, [SCALE, CHOICE, RATINGS]))
    assert found == (
        Question(name="sure", text="How sure?", kind="scale", asked="end", steps=7, low="no idea", high=""),
        Question(name="best", text="Which?", kind="choice", asked="case", steps=5, low="", high=""),
        Question(name="each", text="How good?", kind="ratings", asked="case", steps=5, low="", high=""),
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Best"}, "name: 'Best' must be lower-case letters"),
        ({"name": "1st"}, "name: '1st' must be"),
        ({"name": "a" * 31}, "name: .* at most 30"),
        ({"name": "a\n"}, "name: "),
        ({"text": ""}, "text: .* at least 1 character"),
        ({"text": "  "}, "text: .* at least 1 character"),
        ({"text": "a" * 501}, "text: .* at most 500 characters"),
        ({"text": True}, "text: True is no text; put it in quotes"),
        ({"kind": "number"}, "kind: .*'choice', 'text', 'scale' or 'ratings'"),
        ({"asked": "first"}, "asked: .*'case' or 'end'"),
        ({"kind": "choice", "asked": "end"}, "asked: choice is about the heat-maps of a case"),
        ({"kind": "ratings", "asked": "end"}, "asked: ratings is about the heat-maps of a case"),
        ({"kind": "scale", "steps": 1}, "steps: .* greater than or equal to 2"),
        ({"kind": "scale", "steps": 11}, "steps: .* less than or equal to 10"),
        ({"kind": "text", "steps": 3}, "steps: only scale and ratings have steps"),
        ({"kind": "text", "low": "bad"}, "low: only scale and ratings have steps"),
        ({"kind": "scale", "high": 10}, "high: 10 is no text; put it in quotes"),
        ({"step": 3}, "step: there is no such field"),
    ],
)
def test_a_wrong_field_is_named_with_its_file_and_number(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    good = {"name": "words", "text": "Why?", "kind": "text", "asked": "case"}
    assert len(read_questions(written(tmp_path, [CHOICE, good]))) == 2
    with pytest.raises(FoveateError, match=rf"questions.yaml, question 2: {says}"):
        read_questions(written(tmp_path, [CHOICE, good | change]))


def test_the_longest_name_and_text_and_the_most_steps_are_accepted(tmp_path: Path) -> None:
    most = SCALE | {"name": "a" * 30, "text": "a" * 500, "steps": 10}
    assert read_questions(written(tmp_path, [CHOICE, most]))[1].steps == 10
    assert read_questions(written(tmp_path, [CHOICE, SCALE | {"steps": 2}]))[1].steps == 2


def test_a_missing_field_and_what_is_no_question_are_named(tmp_path: Path) -> None:
    with pytest.raises(FoveateError, match="question 1: asked: it is missing"):
        read_questions(written(tmp_path, [{name: value for name, value in CHOICE.items() if name != "asked"}]))
    with pytest.raises(FoveateError, match="question 2: named fields are needed"):
        read_questions(written(tmp_path, [CHOICE, "Which?"]))


@pytest.mark.parametrize(
    ("questions", "says"),
    [
        ([SCALE], "exactly one question must be a choice, asked with each case; there is none"),
        ([], "exactly one question must be a choice"),
        ([CHOICE, RATINGS, CHOICE | {"name": "next"}], "exactly one .* question 1 and question 3 are"),
        ([SCALE, CHOICE, SCALE], "question 3: name: question 1 is named 'sure' already"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, questions: list[Any], says: str) -> None:
    with pytest.raises(FoveateError, match=rf"questions.yaml: (kind: )?{says}"):
        read_questions(written(tmp_path, questions))
    with pytest.raises(ValueError, match=says):
        checked([Question.model_validate(question) for question in questions])


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FoveateError, match="cannot read .*absent.yaml: No such file"):
        read_questions(tmp_path / "absent.yaml")
    with pytest.raises(FoveateError, match="questions.yaml: a list of questions is needed"):
        read_questions(written(tmp_path, CHOICE))
    file = tmp_path / "questions.yaml"
    for content in (b"- [", b"- \xff", b"- 2024-99-99"):
        file.write_bytes(content)
        with pytest.raises(FoveateError, match="questions.yaml.* is not (valid YAML|a text file)") as refused:
            read_questions(file)
        assert "\n" not in str(refused.value)


def test_a_question_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        QUESTIONS[0].text = "Another?"


@pytest.mark.parametrize("name", ["page", "sequence", "active", "go", "csrfmiddlewaretoken"])
def test_names_of_other_fields_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FoveateError, match=f"question 2: name: '{name}' is a field of every page"):
        read_questions(written(tmp_path, [CHOICE, SCALE | {"name": name}]))


def test_the_documentation_shows_the_example() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
    assert f"```yaml\n{example()}```" in text
