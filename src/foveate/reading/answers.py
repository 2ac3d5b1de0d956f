"""The answers of a reader study once the letters are resolved: checked rows, as CSV that a spreadsheet opens safely."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from foveate.errors import FoveateError
from foveate.reading.csvs import read_columns
from foveate.spreadsheets import csv_text

NONE = "none"  # the reader finds no heat-map good
CANNOT_JUDGE = "cannot judge"  # the reader cannot say: the image is poor, or not of their field
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SEPARATOR = "|"  # of the models in a cell

MEANING = {
    "reader": "The reader's pseudonym.",
    "case": "The case: one image with the heat-maps of all models.",
    "showing": "Which showing it was in this reader's order: 1, 2, ...",
    "repeat": "yes where the reader saw the case a second time, else no. Repeats serve agreement within a reader only.",
    "letters": f"The models that stood behind the letters A, B, C, ... here, in that order, with {SEPARATOR} between.",
    "choice": f"The model whose heat-map the reader chose; {NONE}: no heat-map is good; {CANNOT_JUDGE}: no judgement.",
    "seconds": "Time that the reader spent on the case, in seconds.",
    "description": "The reader's words, on one line.",
}
_DIRECTION = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])

_REDCAP = [
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
    "Choices, Calculations, OR Slider Labels", "Field Note", "Text Validation Type OR Show Slider Number",
    "Text Validation Min", "Text Validation Max", "Identifier?", "Branching Logic (Show field only if...)",
    "Required Field?", "Custom Alignment", "Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?",
    "Field Annotation",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What one reader answered at one showing of one case."""

    reader: str
    case: str
    showing: int
    repeat: bool
    letters: tuple[str, ...]  # the models behind A, B, C, ...
    choice: str  # a model, NONE or CANNOT_JUDGE
    seconds: float
    description: str = ""

    @property
    def letter(self) -> int | None:
        """The place of the chosen model among the letters, 0 for A; None where no model was chosen."""
        return self.letters.index(self.choice) if self.choice in self.letters else None


def models_of(answers: Sequence[Answer]) -> tuple[str, ...]:
    """The models that were shown, sorted by name."""
    return tuple(sorted(answers[0].letters)) if answers else ()


def checked(answers: Iterable[Answer], models: Sequence[str] | None = None) -> tuple[Answer, ...]:
    """The same answers, if they can be those of one study, of these models where they are given.

    Raises FoveateError that says which answer is wrong, and what would be right.
    """
    rows = tuple(answers)
    _check(rows, [f"answer {number}" for number in range(1, len(rows) + 1)], models)
    return rows


def _check(rows: Sequence[Answer], places: Sequence[str], models: Sequence[str] | None) -> None:
    shown = tuple(sorted(models)) if models is not None else models_of(rows)
    firsts = {(row.reader, row.case): row.showing for row in rows if not row.repeat}
    seen: dict[tuple[object, ...], str] = {}
    for row, place in zip(rows, places, strict=True):
        fault = _fault(row, shown)
        if row.repeat and row.showing < firsts.get((row.reader, row.case), 0):
            fault = fault or "the repeat comes before the first showing; exchange yes and no under repeat"
        if fault:
            raise FoveateError(f"{place}: {fault}.")
        which = "the repeat" if row.repeat else "the first showing"
        for key, what in (
            ((row.reader, row.showing), f"showing {row.showing} of reader {row.reader}"),
            ((row.reader, row.case, row.repeat), f"{which} of case {row.case} to reader {row.reader}"),
        ):
            if key in seen:
                raise FoveateError(f"{place}: {what} stands already in {seen[key]}; remove one of the two.")
            seen[key] = place


def _fault(row: Answer, models: tuple[str, ...]) -> str | None:
    """What is wrong with an answer by itself."""
    for name, text in (("reader", row.reader), ("case", row.case), *(("model", model) for model in row.letters)):
        if not text or clean(text) != text or SEPARATOR in text:
            return f"{name} {text!r} is no name; give one without control characters or {SEPARATOR}"
    if {NONE, CANNOT_JUDGE} & set(row.letters):
        return f"a model is named {NONE!r} or {CANNOT_JUDGE!r}, which are answers; rename it"
    if not 2 <= len(set(row.letters)) == len(row.letters) <= len(LETTERS):
        return f"letters must be 2 to {len(LETTERS)} different models, not {SEPARATOR.join(row.letters)!r}"
    if unknown := sorted(set(row.letters) - set(models)):
        return f"unknown model {unknown[0]!r}; the study has {', '.join(models)}"
    if lacking := sorted(set(models) - set(row.letters)):
        return f"letters lack {lacking[0]!r}; every showing has all models of the study"
    if row.choice not in (*row.letters, NONE, CANNOT_JUDGE):
        return f"choice {row.choice!r} was not shown; it must be {', '.join(models)}, {NONE} or {CANNOT_JUDGE}"
    if row.showing < 1:
        return f"showing {row.showing} is not 1 or more"
    if not (math.isfinite(row.seconds) and row.seconds >= 0):
        return f"seconds {row.seconds} is not a number of at least 0"
    return None


def clean(text: str) -> str:
    """Text on one line, without control characters and without marks that turn the direction of writing."""
    kinds = ((letter, unicodedata.category(letter)) for letter in text.translate(_DIRECTION))
    kept = (
        " " if letter.isspace() else letter for letter, kind in kinds if letter.isspace() or kind not in ("Cc", "Cs")
    )
    return "".join(kept).strip()


def answers_csv(answers: Iterable[Answer]) -> str:
    """Answers as CSV. Raises FoveateError where they are wrong."""
    lines: list[list[object]] = [list(MEANING)]
    for row in checked(answers):
        names = [row.reader, row.case, row.showing, "yes" if row.repeat else "no"]
        shown = [SEPARATOR.join(row.letters), row.choice, float(row.seconds)]
        lines.append([*names, *shown, clean(row.description)])
    return csv_text(lines)


def read_answers(path: Path, models: Sequence[str] | None = None) -> tuple[Answer, ...]:
    """The answers of a CSV as `answers_csv` makes it, of these models where they are given.

    Raises FoveateError that names the file, the line and what would be right.
    """
    lines = read_columns(path, list(MEANING))
    rows = [_parsed(line, place) for place, line in lines]
    _check(rows, [place for place, _ in lines], models)
    return tuple(rows)


def _parsed(cell: dict[str, str], place: str) -> Answer:
    if cell["repeat"] not in ("yes", "no"):
        raise FoveateError(f"{place}: repeat {cell['repeat']!r} is not yes or no.")
    try:
        showing = int(cell["showing"])
    except ValueError as error:
        raise FoveateError(f"{place}: showing {cell['showing']!r} is not a whole number.") from error
    try:
        seconds = float(cell["seconds"])
    except ValueError as error:
        raise FoveateError(f"{place}: seconds {cell['seconds']!r} is not a number of at least 0.") from error
    letters = tuple(cell["letters"].split(SEPARATOR))
    words = clean(cell["description"])
    return Answer(
        cell["reader"], cell["case"], showing, cell["repeat"] == "yes", letters, cell["choice"], seconds, words
    )


def codebook(models: Sequence[str]) -> str:
    """What each column of the answers means, in Markdown."""
    names = ", ".join(f"`{model}`" for model in sorted(models))
    rows = [f"| `{name}` | {meaning.replace('|', chr(92) + '|')} |" for name, meaning in MEANING.items()]
    return "\n".join([f"Models: {names}.", "", "| column | meaning |", "|---|---|", *rows, ""])


def redcap_dictionary(models: Sequence[str]) -> str:
    """A REDCap data dictionary, as CSV, for the records of `redcap_records`."""
    shown = " | ".join(f"{code}, {name}" for name, code in _codes(models).items() if name in models)
    every = " | ".join(f"{code}, {name}" for name, code in _codes(models).items())
    form = {name: MEANING[name] for name in ("reader", "case", "showing", "repeat", "choice", "seconds", "description")}
    fields = [
        ("record_id", "text", "Number of the answer", "", "integer", "1"),
        ("reader", "text", form["reader"], "", "", ""),
        ("case_id", "text", form["case"], "", "", ""),
        ("showing", "text", form["showing"], "", "integer", "1"),
        ("is_repeat", "yesno", form["repeat"], "", "", ""),
        *((f"shown_{x.lower()}", "radio", f"The model behind {x}.", shown, "", "") for x in LETTERS[: len(models)]),
        ("choice", "radio", form["choice"], every, "", ""),
        ("seconds", "text", form["seconds"], "", "number", "0"),
        ("description", "notes", form["description"], "", "", ""),
    ]
    lines: list[list[object]] = [list(_REDCAP)]
    for name, kind, label, choices, validation, least in fields:
        head = [name, "reading", "", kind, label, choices, "", validation, least]
        lines.append([*head, *[""] * (len(_REDCAP) - len(head))])
    return csv_text(lines)


def redcap_records(answers: Sequence[Answer]) -> str:
    """The answers as CSV for REDCap's data import: one record an answer, choices by the dictionary's codes."""
    models = models_of(answers)
    codes = _codes(models)
    shown = [f"shown_{letter.lower()}" for letter in LETTERS[: len(models)]]
    head = ["record_id", "reader", "case_id", "showing", "is_repeat", *shown, "choice", "seconds", "description"]
    lines: list[list[object]] = [list(head)]
    for number, row in enumerate(checked(answers), start=1):
        reader, case, showing, repeat, letters, choice, seconds, words = astuple(row)
        places = [codes[model] for model in letters]
        known = [number, reader, case, showing, int(repeat), *places, codes[choice]]
        lines.append([*known, float(seconds), clean(words)])
    return csv_text(lines)


def _codes(models: Sequence[str]) -> dict[str, int]:
    return {name: code for code, name in enumerate(sorted(models), start=1)} | {NONE: 0, CANNOT_JUDGE: 99}
