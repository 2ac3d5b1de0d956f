"""OUT/reading: a study for readers in one folder, blind but for its key; only this folder moves to another host."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from foveate.config.yaml_and_json import read_yaml
from foveate.errors import FoveateError
from foveate.reading import selection
from foveate.reading.answers import CANNOT_JUDGE, LETTERS, NONE
from foveate.reading.cases_and_key import CASES, KEY, SECRET, SEED, new_secret
from foveate.reading.questions import QUESTIONS, Question, checked, explain
from foveate.reading.selection import Repeat, Shown
from foveate.reading.writing import IMAGES, SUMS, Advance, becoming, write, write_cases
from foveate.runs import StudyFolder, Subject

STUDY, CONSENT = "study.yaml", "consent.txt"
_SUM = re.compile(r"([0-9a-f]{64})  (images/[0-9a-f]{32}\.png)")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Options(_Strict):
    """How the cases are shown."""

    repeat_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1  # of the cases, shown twice
    gap: Annotated[int, Field(ge=1)] = 10  # showings between the two, where the study is that long
    go_back: bool = True  # readers may look at earlier cases again and change their answers


class ReadingDataset(_Strict):
    """One data set of the study, and how much of it there is."""

    name: str  # in files
    title: str  # for readers
    models: Annotated[int, Field(ge=2, le=len(LETTERS))]  # how many; their names stand in the key alone
    cases: Annotated[int, Field(ge=1)]  # that count
    practice: Annotated[int, Field(ge=0)]  # cases for warming up
    healthy: bool = True  # whether some of its images may show no disease


class ReadingStudy(_Strict):
    """study.yaml: what readers may know."""

    datasets: Annotated[tuple[ReadingDataset, ...], Field(min_length=1)]
    repeat: int | Literal["all"]  # whose heat-maps are shown
    show_truth: bool  # whether readers see each image's class
    questions: tuple[Question, ...] = QUESTIONS
    options: Options = Options()

    @field_validator("repeat", mode="before")
    @classmethod
    def _is_a_repeat(cls, value: object) -> object:
        if value != "all" and not (type(value) is int and value >= 1):
            raise ValueError(f"must be 1, 2, ... or all, not {value!r}")
        return value

    @field_validator("questions")
    @classmethod
    def _go_together(cls, value: tuple[Question, ...]) -> tuple[Question, ...]:
        return checked(value)

    @field_validator("datasets")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[ReadingDataset, ...]) -> tuple[ReadingDataset, ...]:
        if len({dataset.name for dataset in value}) < len(value):
            raise ValueError("two data sets have the same name; each needs its own")
        return value


def create(
    folder: StudyFolder,
    subjects: Sequence[Subject],
    cases: int | Sequence[str] = 6,
    repeat: Repeat = 1,
    seed: int | None = None,
    show_truth: bool = False,
    questions: Sequence[Question] = QUESTIONS,
    options: Options | None = None,
    consent: str | None = None,
    practice: int = 2,
    healthy: bool = True,
    advance: Advance = lambda count: None,
) -> Path:
    """Write OUT/reading for these data sets, whole or not at all; the folder's path.

    cases: how many are drawn of each data set, or the ids of the cases where there is one data set. repeat: whose
    heat-maps are shown; "all": every case those of one of the study's repeats, each repeat as often. seed: of the
    drawing, and of nothing that is blind; drawn itself where it is None. consent: what readers agree to before they
    begin. practice: how many more cases of each data set readers see for warming up, as far as there are as many.
    healthy: whether healthy images are drawn as well. `advance` is called with the number of cases written. Raises
    FoveateError where OUT/reading is there already, the study has too few or too many models to compare, a run or an
    image is missing, or the disk refuses.
    """
    place = folder.path / "reading"
    _refuse_models(folder)
    if consent is not None and not consent.strip():
        raise FoveateError("the text that readers consent to is empty: write it, or leave it out.")
    with folder.lock():
        if place.exists() or place.is_symlink():
            raise FoveateError(f"{place} is there already: readers may have answered. Move it away for a new one.")
        seed = secrets.randbits(63) if seed is None else seed
        shown = selection.select(folder, subjects, cases, repeat, practice, seed, healthy)
        try:
            study = ReadingStudy(
                datasets=tuple(_dataset(folder, subject, shown) for subject in subjects),
                repeat=repeat,
                show_truth=show_truth,
                questions=tuple(questions),
                options=options or Options(),
            )
        except ValidationError as error:
            raise FoveateError(f"the reader study: {explain(error)}.") from error
        with becoming(place) as new:
            write(new / STUDY, yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
            if consent is not None:
                write(new / CONSENT, consent)
            write(new / KEY / SEED, f"{seed}\n")
            write(new / KEY / SECRET, new_secret())
            write_cases(new, folder, shown, show_truth, advance)
    return place


def _refuse_models(folder: StudyFolder) -> None:
    models, file = folder.study.models, folder.path / STUDY
    if not 2 <= len(models) <= len(LETTERS):
        raise FoveateError(f"{file}: models: readers compare models, 2 to {len(LETTERS)} of them, not {len(models)}.")
    if taken := [name for name in models if name in (NONE, CANNOT_JUDGE)]:
        raise FoveateError(f"{file}: models: readers may answer {taken[0]!r}, so no model can have that name.")


def _dataset(folder: StudyFolder, subject: Subject, shown: Sequence[Shown]) -> ReadingDataset:
    own, disease = [one for one in shown if one.subject == subject], selection.diseased(folder, subject)
    return ReadingDataset(
        name=subject.name,
        title=folder.study.datasets[subject.dataset].title or subject.name,
        models=len(folder.study.models),
        cases=sum(not one.practice for one in own),
        practice=sum(one.practice for one in own),
        healthy=any(one.selected.truth not in disease for one in own),
    )


def load(place: Path) -> ReadingStudy:
    """Read study.yaml of OUT/reading. Raises FoveateError that names the file, the field, and what is wrong."""
    try:
        return ReadingStudy.model_validate(read_yaml(place / STUDY))
    except ValidationError as error:
        raise FoveateError(f"{place / STUDY}: {explain(error)}.") from error


def fingerprint(place: Path) -> str:
    """64 hex digits that change with what must not change while readers read: images, questions, cases.

    The SHA-256 of SHA256SUMS, study.yaml and cases.csv, one after the other. Raises FoveateError where one is missing.
    """
    try:
        return hashlib.sha256(b"".join((place / name).read_bytes() for name in (SUMS, STUDY, CASES))).hexdigest()
    except OSError as error:
        raise FoveateError(f"cannot read {error.filename or place}: {error.strerror or error}.") from error


def verify(place: Path) -> None:
    """See that the images of OUT/reading are those that `create` wrote, as `sha256sum -c SHA256SUMS` would.

    Raises FoveateError that names the first file that is changed, missing, or was not there.
    """
    for what in differences(place):
        raise FoveateError(what)


def differences(place: Path) -> Iterator[str]:
    """What is not as `create` wrote it among the images of OUT/reading, a sentence each.

    Raises FoveateError where SHA256SUMS is missing or damaged.
    """
    expected = read_sums(place)
    for name, own in expected.items():
        if what := _difference(place / name, own):
            yield what
    try:
        found = sorted((place / IMAGES).iterdir())
    except OSError as error:
        raise FoveateError(f"cannot read {place / IMAGES}: {error.strerror}.") from error
    for file in found:
        if f"{IMAGES}/{file.name}" not in expected:
            yield f"{file} was not there when the reader study was made."


def _difference(file: Path, expected: str) -> str:
    try:
        if file.is_symlink() or not file.is_file():
            return f"{file} is missing."
        with file.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != expected:
                return f"{file} has changed since the reader study was made."
    except OSError as error:
        return f"cannot read {file}: {error.strerror}."
    return ""


def read_sums(place: Path) -> dict[str, str]:
    """SHA256SUMS: `images/<name>.png` -> SHA-256 in hexadecimal digits. Raises FoveateError that names the line."""
    try:
        lines = (place / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FoveateError(f"cannot read {place / SUMS}: {error}.") from error
    expected = {}
    for number, line in enumerate(lines, start=1):
        match = _SUM.fullmatch(line)
        if not match:
            raise FoveateError(f"{place / SUMS}, line {number}: no fingerprint of an image.")
        expected[match[2]] = match[1]
    return expected
