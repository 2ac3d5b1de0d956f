"""The files of the served study, read once a process: its questions, cases and pictures. The key is read apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from django.conf import settings

from foveate.errors import FoveateError
from foveate.reading import package
from foveate.reading.cases_and_key import PublicCase, read_cases
from foveate.reading.package import ReadingDataset, ReadingStudy
from foveate.reading.questions import Question


def place() -> Path:
    """OUT/reading."""
    folder: Path | None = settings.PLACE
    assert folder is not None  # only for tools that have no study
    return folder


@cache
def study() -> ReadingStudy:
    return package.load(place())


@cache
def cases() -> dict[str, PublicCase]:
    return {case.name: case for case in read_cases(place())}


def dataset(name: str) -> ReadingDataset:
    """Raises KeyError for a name that the study has not."""
    return {own.name: own for own in study().datasets}[name]


def questions(asked: str) -> list[Question]:
    """Those of "case" or "end", in the study's order."""
    return [question for question in study().questions if question.asked == asked]


def choice() -> Question:
    """The question by which a case counts as answered."""
    return next(question for question in study().questions if question.kind == "choice")


@cache
def _sums() -> dict[str, str]:
    return package.read_sums(place())


def has_picture(file: str) -> bool:
    return f"images/{file}.png" in _sums()


def has_pictures(files: Iterable[str]) -> bool:
    """Whether images/<file>.png was written by `create`, of all of them."""
    return all(f"images/{file}.png" in _sums() for file in files)


def picture(file: str) -> bytes:
    """The bytes of images/<file>.png. Raises FoveateError where they are not those that `create` wrote."""
    name = f"images/{file}.png"
    path = place() / name
    if name not in _sums() or path.is_symlink():
        raise FoveateError(f"{path} does not belong to the reader study.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FoveateError(f"cannot read {path}: {error.strerror}.") from error
    if hashlib.sha256(data).hexdigest() != _sums()[name]:
        raise FoveateError(f"{path} has changed since the reader study was made.")
    return data
