"""What the readers of a study are asked: the paper's questions, or one's own from a YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from foveate.config.yaml_and_json import read_yaml
from foveate.errors import FoveateError

STEPS = 5  # of a scale, where nothing else is said
RESERVED = ("page", "sequence", "active", "go", "csrfmiddlewaretoken")  # other fields of the form

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


class Question(BaseModel):
    """What a reader is asked, and how it is answered.

    kind: "choice": one of the letters, none of them, or no judgement; "text": words; "scale": one number of
    1..steps, such as confidence; "ratings": such a number for every heat-map of the case.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,29}$")]  # a column of the answers
    text: _Text
    kind: Literal["choice", "text", "scale", "ratings"]
    asked: Literal["case", "end"]  # at every showing, or once after the last
    steps: Annotated[int, Field(ge=2, le=10)] = STEPS  # of a scale or rating
    low: _Label = ""  # what 1 means
    high: _Label = ""  # what the last step means

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Question:
        if self.kind in ("choice", "ratings") and self.asked != "case":
            raise ValueError(f"asked: {self.kind} is about the heat-maps of a case: ask it with each case")
        if self.kind in ("choice", "text"):
            for field, value, default in (("steps", self.steps, STEPS), ("low", self.low, ""), ("high", self.high, "")):
                if value != default:
                    raise ValueError(f"{field}: only scale and ratings have steps, {self.kind} has none: remove it")
        return self


QUESTIONS = (
    Question(name="choice", text="Which model focuses on the most important region?", kind="choice", asked="case"),
    Question(
        name="description", text="Explain the answer in condensed clinical terminology", kind="text", asked="case"
    ),
    Question(name="summary", text="Summarise what you saw over all cases", kind="text", asked="end"),
)

_EXAMPLE = """\
# What readers are asked, in this order. Each question has
#   name   of its column in the answers: lower-case letters, digits and _, a letter first, at most 30
#   text   that readers see, at most 500 characters
#   kind   choice: one of the letters, none, or cannot judge; exactly one question is of this kind
#          text: words
#          scale: one number for the case, from 1 to steps
#          ratings: one such number for every heat-map
#   asked  case: with every case; end: once, after the last case (text and scale only)
# and, for scale and ratings only,
#   steps  2 to 10; 5 where it is left out
#   low, high   what the first and the last number mean

# The three questions of the paper, which are asked where no file is given
- name: choice
  text: Which model focuses on the most important region?
  kind: choice
  asked: case
- name: description
  text: Explain the answer in condensed clinical terminology
  kind: text
  asked: case
- name: summary
  text: Summarise what you saw over all cases
  kind: text
  asked: end

# One number for the whole case
- name: confidence
  text: How confident are you in your choice?
  kind: scale
  asked: case
  steps: 5
  low: not at all
  high: completely

# One number for every heat-map
- name: quality
  text: How well does each heat-map show what matters for the diagnosis?
  kind: ratings
  asked: case
  steps: 5
  low: misses it
  high: shows all of it and nothing else
"""


def example() -> str:
    """A file of questions to start from, as `read_questions` takes it."""
    return _EXAMPLE


def checked(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The same questions, if they can be asked together: names differ, and one is the choice among the heat-maps.

    Raises ValueError that says which question is wrong, counted from 1.
    """
    numbers: dict[str, int] = {}
    for number, question in enumerate(questions, start=1):
        if question.name in numbers:
            first = numbers[question.name]
            raise ValueError(f"question {number}: name: question {first} is named {question.name!r} already; change it")
        if question.name in RESERVED:
            raise ValueError(f"question {number}: name: {question.name!r} is a field of every page; choose another")
        numbers[question.name] = number
    choices = [f"question {numbers[question.name]}" for question in questions if question.kind == "choice"]
    if len(choices) != 1:
        there = f"{' and '.join(choices)} are" if choices else "there is none"
        raise ValueError(f"kind: exactly one question must be a choice, asked with each case; {there}")
    return tuple(questions)


def read_questions(path: Path) -> tuple[Question, ...]:
    """The questions of a YAML file: a list, each item with the fields of `Question`.

    Raises FoveateError that names the file, the question, counted from 1, its field, and what would be right.
    """
    items = read_yaml(path)
    if not isinstance(items, list):
        raise FoveateError(f"{path}: a list of questions is needed: lines that begin with '- name: ...'.")
    questions = []
    for number, item in enumerate(items, start=1):
        try:
            questions.append(Question.model_validate(item))
        except ValidationError as error:
            raise FoveateError(f"{path}, question {number}: {explain(error)}.") from error
    try:
        return checked(questions)
    except ValueError as error:
        raise FoveateError(f"{path}: {error}.") from error


def explain(error: ValidationError) -> str:
    """The first thing that is wrong with what stood in a file: its field, and what would be right.

    Items of a list are counted from 1.
    """
    first = error.errors()[0]
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
    match first["type"]:
        case "extra_forbidden":
            says = "there is no such field; remove it"
        case "string_pattern_mismatch":
            says = f"{first['input']!r} must be lower-case letters, digits and _, a letter first, at most 30"
        case "string_type":
            says = f"{first['input']!r} is no text; put it in quotes"
        case "model_type":
            says = "named fields are needed, such as 'name: ...'"
        case "missing":
            says = "it is missing"
        case _:
            says = first["msg"].removeprefix("Value error, ")
    return f"{field}: {says}" if field else says
