"""The tables in OUT/reading/results beside the answers: summaries, ratings, scores of the cases, times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foveate.errors import FoveateError
from foveate.reading.answers import clean
from foveate.reading.csvs import read_columns
from foveate.spreadsheets import csv_text

SCORES = ("auc", "energy", "pixel_auprc")

_SUMMARIES = ("reader", "summary")
_RATINGS = ("reader", "case", "showing", "repeat", "question", "model", "value")
_SCORES = ("case", "model", *SCORES)
_TIMES = ("reader", "showing", "saved_at")


@dataclass(frozen=True)
class Rating:
    """A number that a reader gave to one heat-map, or to a whole case."""

    reader: str
    case: str
    showing: int
    repeat: bool
    question: str
    model: str  # empty where the question is about the case
    value: float


@dataclass(frozen=True)
class Names:
    """What may stand in the tables."""

    readers: Sequence[str]
    cases: Sequence[str]
    models: Sequence[str]

    def check(self, where: str, **cells: str) -> None:
        """Raises FoveateError where a reader, case or model is none of the study."""
        for field, known in (("reader", self.readers), ("case", self.cases), ("model", self.models)):
            if field in cells and cells[field] not in known:
                few = f"; it has {', '.join(known)}" if len(known) <= 12 else ""
                raise FoveateError(f"{where}: {field} {cells[field]!r} does not belong to the study{few}.")


def lines_of(text: str) -> str:
    """Text of several lines, each of them without control characters and marks that turn the direction of writing."""
    return "\n".join(map(clean, text.splitlines())).strip()


def summaries_csv(summaries: Mapping[str, str]) -> str:
    return csv_text([_SUMMARIES, *((reader, lines_of(text)) for reader, text in summaries.items())])


def ratings_csv(ratings: Iterable[Rating]) -> str:
    rows = [
        (of.reader, of.case, of.showing, "yes" if of.repeat else "no", of.question, of.model, float(of.value))
        for of in ratings
    ]
    return csv_text([_RATINGS, *rows])


def scores_csv(scores: Mapping[tuple[str, str], Mapping[str, float]]) -> str:
    """Values that are not known or not finite become empty cells."""
    rows = [
        (case, model, *(float(of[name]) if math.isfinite(of.get(name, math.nan)) else "" for name in SCORES))
        for (case, model), of in scores.items()
    ]
    return csv_text([_SCORES, *rows])


def times_csv(saved_at: Mapping[tuple[str, int], str]) -> str:
    return csv_text([_TIMES, *((reader, showing, at) for (reader, showing), at in saved_at.items())])


def read_summaries(path: Path, names: Names) -> dict[str, str]:
    """By reader. Raises FoveateError, as all of these, that names the file and line."""
    found: dict[str, str] = {}
    for where, cell in _rows(path, _SUMMARIES):
        names.check(where, reader=cell["reader"])
        _refuse_second(where, cell["reader"] in found, f"a summary of {cell['reader']}")
        found[cell["reader"]] = lines_of(cell["summary"])
    return found


def read_ratings(path: Path, names: Names) -> tuple[Rating, ...]:
    """None where there is no file."""
    found: dict[tuple[object, ...], Rating] = {}
    for where, cell in _rows(path, _RATINGS) if path.is_file() else ():
        names.check(where, reader=cell["reader"], case=cell["case"])
        if cell["model"]:
            names.check(where, model=cell["model"])
        if cell["repeat"] not in ("yes", "no"):
            raise FoveateError(f"{where}: repeat {cell['repeat']!r} is not yes or no.")
        key = (cell["reader"], _whole(where, "showing", cell["showing"]), cell["question"], cell["model"])
        _refuse_second(where, key in found, "this rating")
        value = _number(where, "value", cell["value"])
        found[key] = Rating(
            cell["reader"], cell["case"], int(key[1]), cell["repeat"] == "yes", cell["question"], cell["model"], value
        )
    return tuple(found.values())


def read_scores(path: Path, names: Names) -> dict[tuple[str, str], dict[str, float]]:
    """By case and model; an empty cell is no score."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for where, cell in _rows(path, _SCORES):
        key = (cell["case"], cell["model"])
        names.check(where, case=key[0], model=key[1])
        _refuse_second(where, key in found, f"a row of {key[0]}, {key[1]}")
        found[key] = {name: _number(where, name, cell[name]) for name in SCORES if cell[name]}
    return found


def read_times(path: Path, names: Names) -> dict[tuple[str, int], str]:
    """By reader and showing; none where there is no file."""
    found: dict[tuple[str, int], str] = {}
    for where, cell in _rows(path, _TIMES) if path.is_file() else ():
        names.check(where, reader=cell["reader"])
        key = (cell["reader"], _whole(where, "showing", cell["showing"]))
        _refuse_second(where, key in found, f"showing {key[1]} of {key[0]}")
        found[key] = cell["saved_at"]
    return found


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The lines of a CSV file with at least these columns: where each stands, and its cells."""
    for where, row in read_columns(path, list(columns)):
        yield where, {name: row[name] for name in columns}


def _refuse_second(where: str, there: bool, what: str) -> None:
    if there:
        raise FoveateError(f"{where}: {what} stands already further up; remove one of the two.")


def _whole(where: str, field: str, cell: str) -> int:
    try:
        return int(cell)
    except ValueError as error:
        raise FoveateError(f"{where}: {field} {cell!r} is not a whole number.") from error


def _number(where: str, field: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FoveateError(f"{where}: {field} {cell!r} is not a number.")
    return value
