"""The two tables of OUT/reading: cases.csv, which readers may know, and key/key.csv, which tells what is blinded.

What is wrong with them is said without naming a model or a case of the key: whoever sees it may be a reader.
"""

from __future__ import annotations

import hmac
import math
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from foveate.errors import FoveateError
from foveate.reading.csvs import Cells, read_csv
from foveate.reading.selection import STRATA
from foveate.spreadsheets import csv_text

CASES, KEY = "cases.csv", "key"
KEY_TABLE, SEED, SECRET = "key.csv", "seed", "secret"  # in the folder KEY
_TRUTH = "truth"  # the column of cases.csv that is there only where readers see the classes
_NAME = re.compile(r"[0-9a-f]{32}")  # drawn at random, of a case or of a layer
_RESTORE = "restore the file as it was when the reader study was made"


@dataclass(frozen=True)
class PublicCase:
    """One case of cases.csv."""

    dataset: str  # its name in study.yaml
    name: str  # its image is images/<name>.png
    practice: bool
    width: int  # of the image, in pixels
    height: int
    truth: str | None = None  # its class, where readers see it


@dataclass(frozen=True)
class KeyRow:
    """One heat-map of key.csv."""

    dataset: str
    name: str  # of the case, as in cases.csv
    practice: bool
    case: str  # its id in the study
    truth: str  # its class
    stratum: str  # how many of the models are right about it: all, some or none
    model: str
    repeat: int
    layer: str  # the heat-map is images/<layer>.png
    auc: float | None  # of the run; None where it is not known
    energy: float | None  # of this heat-map; None where there is no mask or no value
    pixel_auprc: float | None


CASE_COLUMNS = [field.name for field in fields(PublicCase)]
KEY_COLUMNS = [field.name for field in fields(KeyRow)]


def cases_csv(cases: Iterable[PublicCase], show_truth: bool) -> str:
    """The content of cases.csv; with the classes where they are shown."""
    columns = CASE_COLUMNS if show_truth else [name for name in CASE_COLUMNS if name != _TRUTH]
    return _csv(columns, [[getattr(case, name) for name in columns] for case in cases])


def key_csv(key: Iterable[KeyRow]) -> str:
    """The content of key.csv."""
    return _csv(KEY_COLUMNS, [astuple(row) for row in key])


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return csv_text(
        [columns, *([("no", "yes")[cell] if isinstance(cell, bool) else cell for cell in row] for row in rows)]
    )


def read_cases(place: Path) -> tuple[PublicCase, ...]:
    """The cases of OUT/reading, in the order of cases.csv, which tells nothing.

    Raises FoveateError that names the line and what is wrong with it.
    """
    cases = []
    for at, cells in _read(place / CASES, CASE_COLUMNS, optional=_TRUTH):
        size = _count(at, cells, "width"), _count(at, cells, "height")
        cases.append(
            PublicCase(cells["dataset"], _name(at, cells, "name"), _practice(at, cells), *size, truth=cells.get(_TRUTH))
        )
    _refuse_double(place / CASES, [case.name for case in cases], "name")
    return tuple(cases)


def read_key(place: Path) -> tuple[KeyRow, ...]:
    """The key of OUT/reading: a row a heat-map, those of a case one after the other, in the order of the models.

    Raises FoveateError that names the line and what is wrong with it, or says that these are not the cases of
    cases.csv.
    """
    path = place / KEY / KEY_TABLE
    key = tuple(_key_row(at, cells) for at, cells in _read(path, KEY_COLUMNS))
    _refuse_double(path, [row.layer for row in key], "layer")
    _refuse_double(path, [(row.name, row.model) for row in key], "model of the same case")
    public = {(case.dataset, case.name, case.practice) for case in read_cases(place)}
    if public != {(row.dataset, row.name, row.practice) for row in key}:
        raise FoveateError(f"{path} is not the key of these cases: it differs from {place / CASES}; {_RESTORE}.")
    return key


def _key_row(at: str, cells: Cells) -> KeyRow:
    if lacking := [column for column in ("dataset", "case", "model") if not cells[column]]:
        raise FoveateError(f"{at}: {lacking[0]} is empty; {_RESTORE}.")
    if cells["stratum"] not in STRATA:
        raise FoveateError(f"{at}: stratum is none of {', '.join(STRATA)}; {_RESTORE}.")
    return KeyRow(
        dataset=cells["dataset"],
        name=_name(at, cells, "name"),
        practice=_practice(at, cells),
        case=cells["case"],
        truth=cells["truth"],
        stratum=cells["stratum"],
        model=cells["model"],
        repeat=_count(at, cells, "repeat"),
        layer=_name(at, cells, "layer"),
        auc=_score(at, cells, "auc"),
        energy=_score(at, cells, "energy"),
        pixel_auprc=_score(at, cells, "pixel_auprc"),
    )


def layers(key: Sequence[KeyRow]) -> dict[str, tuple[str, ...]]:
    """The names of each case's heat-maps, in the order of its data set's models, by the name of the case.

    Schedules count on that order. Raises FoveateError where it is not the same for all cases of a data set, or the
    rows of a case contradict each other.
    """
    cases: dict[str, list[KeyRow]] = {}
    for row in key:
        cases.setdefault(row.name, []).append(row)
    models: dict[str, list[str]] = {}
    for name, rows in cases.items():
        if len({(row.dataset, row.practice, row.case, row.truth, row.stratum, row.repeat) for row in rows}) > 1:
            raise FoveateError(f"{KEY}/{KEY_TABLE}: the rows of {name} contradict each other; {_RESTORE}.")
        own = [row.model for row in rows]
        if own != models.setdefault(rows[0].dataset, own):
            raise FoveateError(
                f"{KEY}/{KEY_TABLE}: {name} has not the same models in the same order as the other cases of "
                f"{rows[0].dataset}; {_RESTORE}."
            )
    return {name: tuple(row.layer for row in rows) for name, rows in cases.items()}


def read_seed(place: Path) -> int:
    """The seed by which the cases were drawn. Raises FoveateError where its file is missing or damaged."""
    path = place / KEY / SEED
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FoveateError(f"cannot read {path}: {error}.") from error
    if not re.fullmatch("-?[0-9]+", text):
        raise FoveateError(f"{path} holds no whole number; {_RESTORE}.")
    return int(text)


def new_secret() -> str:
    """The content of a new key/secret: 256 random bits."""
    return f"{secrets.token_hex(32)}\n"


def derived_secret(place: Path, purpose: str) -> bytes:
    """32 bytes for one purpose, from key/secret; they tell nothing of it, nor of those for another purpose.

    HMAC-SHA256 of the purpose (RFC 2104). Raises FoveateError where the file is missing or damaged.
    """
    path = place / KEY / SECRET
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise FoveateError(
            f"{path} is missing, so no letters can be drawn: put the folder {KEY} back as `create` made it. A study "
            "that was made without that file gets one when `foveate reading serve` starts."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FoveateError(f"cannot read {path}: {error}.") from error
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise FoveateError(f"{path} holds no secret of 64 digits of 0 to 9 and a to f; {_RESTORE}.")
    return hmac.digest(bytes.fromhex(text), purpose.encode(), "sha256")


def _read(path: Path, columns: Sequence[str], optional: str | None = None) -> list[tuple[str, Cells]]:
    """The rows of a table with these columns, the optional one perhaps, each with its place for what is to be said."""
    found, lines = read_csv(path, _RESTORE)
    if found not in (list(columns), [name for name in columns if name != optional]):
        raise FoveateError(f"{path}, line 1: the columns must be {', '.join(columns)}; {_RESTORE}.")
    if not lines:
        raise FoveateError(f"{path} has no rows; {_RESTORE}.")
    return lines


def _refuse_double(path: Path, values: Sequence[object], what: str) -> None:
    if len(set(values)) < len(values):
        line = 2 + next(number for number, value in enumerate(values) if value in values[:number])
        raise FoveateError(f"{path}, line {line}: this {what} stands further up already; {_RESTORE}.")


def _name(at: str, cells: Cells, column: str) -> str:
    if not _NAME.fullmatch(cells[column]):
        raise FoveateError(f"{at}: {column} must be 32 digits of 0 to 9 and a to f; {_RESTORE}.")
    return cells[column]


def _practice(at: str, cells: Cells) -> bool:
    if cells["practice"] not in ("yes", "no"):
        raise FoveateError(f"{at}: practice must be yes or no; {_RESTORE}.")
    return cells["practice"] == "yes"


def _count(at: str, cells: Cells, column: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", cells[column]):
        raise FoveateError(f"{at}: {column} must be a whole number of 1 or more; {_RESTORE}.")
    return int(cells[column])


def _score(at: str, cells: Cells, column: str) -> float | None:
    if not cells[column]:
        return None
    try:
        value = float(cells[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FoveateError(f"{at}: {column} must be a number or nothing; {_RESTORE}.")
    return value
