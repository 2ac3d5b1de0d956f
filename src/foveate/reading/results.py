"""OUT/reading/results: what readers answered, by model, as it is written when the study is unblinded and read after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from foveate import runs
from foveate.config.yaml_and_json import WrongDocumentError, load_json
from foveate.errors import FoveateError
from foveate.reading import result_files
from foveate.reading.answers import Answer, answers_csv, read_answers
from foveate.reading.questions import explain
from foveate.reading.result_files import Rating

if TYPE_CHECKING:
    from foveate.reading.analysis import Analysis

__all__ = ["DatasetResults", "Rating", "ReaderRow", "analysed", "are_written", "exists", "files", "read", "write"]

FOLDER, HEAD = "results", "results.json"  # of OUT/reading, and in it


@dataclass(frozen=True)
class ReaderRow:
    """Who read: pseudonym, what was asked on enrolment, and how far the reader came."""

    reader: str
    speciality: str
    years: str  # of practice, a range
    finished: bool
    withdrawn: bool
    planned: int  # showings, repeats among them


@dataclass(frozen=True)
class DatasetResults:
    """All that the readers of one data set answered."""

    name: str  # in files
    title: str
    models: tuple[str, ...]  # in the study's order
    cases: tuple[str, ...]  # in the order of the columns of the paper's table
    repeat: int | Literal["all"]  # whose heat-maps were shown
    show_truth: bool  # whether readers saw each image's class
    readers: tuple[ReaderRow, ...]
    answers: tuple[Answer, ...]
    summaries: Mapping[str, str]  # by reader
    ratings: tuple[Rating, ...] = ()
    scores: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)  # by case and model
    saved_at: Mapping[tuple[str, int], str] = field(default_factory=dict)  # by reader and showing, ISO 8601
    schedule: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # see design_permutation.Schedule


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Schedule(_Strict):
    reader: str
    firsts: tuple[int, ...]


class _Dataset(_Strict):
    name: str
    title: str
    models: tuple[str, ...]
    cases: tuple[str, ...]
    repeat: int | Literal["all"]
    show_truth: bool
    readers: tuple[ReaderRow, ...]
    schedule: tuple[_Schedule, ...] = ()

    @field_validator("name")
    @classmethod
    def _is_a_file_name(cls, value: str) -> str:
        if not value or Path(value).name != value or "\\" in value:
            raise ValueError(f"{value!r} is no name of a data set in files")
        return value


class _Head(_Strict):
    unblinded_at: str
    datasets: tuple[_Dataset, ...]

    @field_validator("datasets")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[_Dataset, ...]) -> tuple[_Dataset, ...]:
        if len({dataset.name for dataset in value}) < len(value):
            raise ValueError("two data sets have the same name; each needs its own")
        return value


def exists(place: Path) -> bool:
    """Whether the study in `place`, which is OUT/reading, is unblinded and its results are there."""
    return (place / FOLDER / HEAD).is_file()


def files(unblinded_at: str, studies: Sequence[DatasetResults]) -> dict[str, str]:
    """What stands in the folder `results`: each file's text by its name, the head last.

    An empty text is no file: it stands for no rows. Raises FoveateError where an answer cannot be one of the study.
    """
    found: dict[str, str] = {}
    for own in studies:
        found[f"answers-{own.name}.csv"] = answers_csv(own.answers)
        found[f"summaries-{own.name}.csv"] = result_files.summaries_csv(own.summaries)
        found[f"ratings-{own.name}.csv"] = result_files.ratings_csv(own.ratings) if own.ratings else ""
        found[f"scores-{own.name}.csv"] = result_files.scores_csv(own.scores)
        found[f"times-{own.name}.csv"] = result_files.times_csv(own.saved_at) if own.saved_at else ""
    head = {"unblinded_at": unblinded_at, "datasets": [_head(own) for own in studies]}
    return {**found, HEAD: runs.json_text(head)}


def write(place: Path, unblinded_at: str, studies: Sequence[DatasetResults]) -> None:
    """Write the folder `results` in `place`, which is OUT/reading; its head last, so that what has one is whole.

    It is for its owner alone. Raises FoveateError where an answer cannot be one of the study, or the disk refuses.
    """
    folder, texts = place / FOLDER, files(unblinded_at, studies)
    with runs.disk_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:  # of an earlier version
            folder.chmod(0o700)
    for name, text in texts.items():
        if text:
            runs.write_text(folder / name, text, private=True)
        else:  # nor is one left from an earlier writing
            with runs.disk_errors(folder / name):
                (folder / name).unlink(missing_ok=True)


def are_written(place: Path, unblinded_at: str, studies: Sequence[DatasetResults]) -> bool:
    """Whether the folder `results` in `place` holds exactly these."""
    folder = place / FOLDER
    try:
        return all(
            ((folder / name).read_text(encoding="utf-8") if (folder / name).exists() else "") == text
            for name, text in files(unblinded_at, studies).items()
        )
    except (OSError, UnicodeDecodeError):  # whoever writes them is told what is wrong
        return False


def _head(own: DatasetResults) -> dict[str, object]:
    return {
        "name": own.name,
        "title": own.title,
        "models": list(own.models),
        "cases": list(own.cases),
        "repeat": own.repeat,
        "show_truth": own.show_truth,
        "readers": [asdict(reader) for reader in own.readers],
        "schedule": [{"reader": reader, "firsts": list(firsts)} for reader, firsts in own.schedule.items()],
    }


def read(place: Path) -> tuple[str, tuple[DatasetResults, ...]]:
    """When the study in `place`, which is OUT/reading, was unblinded, and the results of its data sets.

    Raises FoveateError that names the file, the line or field, what is wrong and what would be right.
    """
    path = place / FOLDER / HEAD
    try:
        head = _Head.model_validate(load_json(path.read_bytes()))
    except OSError as error:
        raise FoveateError(f"cannot read {path}: {error.strerror or error}.") from error
    except ValidationError as error:
        raise FoveateError(f"{path}: {explain(error)}.") from error
    except WrongDocumentError as error:
        raise FoveateError(f"{path} is no JSON file: {error}. Copy the folder from the study's host again.") from error
    return head.unblinded_at, tuple(_read(path.parent, own) for own in head.datasets)


def _read(folder: Path, head: _Dataset) -> DatasetResults:
    path = folder / f"answers-{head.name}.csv"
    answers = read_answers(path, head.models)
    names = result_files.Names([row.reader for row in head.readers], head.cases, head.models)
    for row in answers:
        names.check(f"{path}, reader {row.reader}, showing {row.showing}", reader=row.reader, case=row.case)
    found = DatasetResults(
        head.name,
        head.title,
        head.models,
        head.cases,
        head.repeat,
        head.show_truth,
        head.readers,
        answers,
        result_files.read_summaries(folder / f"summaries-{head.name}.csv", names),
        result_files.read_ratings(folder / f"ratings-{head.name}.csv", names),
        result_files.read_scores(folder / f"scores-{head.name}.csv", names),
        result_files.read_times(folder / f"times-{head.name}.csv", names),
        {row.reader: row.firsts for row in head.schedule},
    )
    _check_schedule(folder / HEAD, found)
    return found


def _check_schedule(path: Path, own: DatasetResults) -> None:
    for row in own.answers:
        firsts = own.schedule.get(row.reader)
        if firsts is not None and not row.repeat and row.showing not in firsts:
            raise FoveateError(
                f"{path}: schedule: {own.name}, reader {row.reader}: showing {row.showing} is answered as a first one "
                "but is not among firsts; put it there."
            )


def analysed(results: DatasetResults, seed: int = 0, repetitions: int = 10_000) -> Analysis:
    """What the answers say; the same for the same seed.

    A model's AUC is the mean over the cases whose AUC is known: where `repeat` is "all" it differs between cases, as
    they show heat-maps of different runs. Localisation is the share of the heat in the lesion, by case.
    """
    from foveate.reading.analysis import analyse  # the statistics take a second to import, the answers need none

    auc: dict[str, list[float]] = {}
    energy: dict[str, dict[str, float]] = {}
    for (case, model), scores in results.scores.items():
        if np.isfinite(scores.get("auc", np.nan)):
            auc.setdefault(model, []).append(scores["auc"])
        if np.isfinite(scores.get("energy", np.nan)):
            energy.setdefault(case, {})[model] = scores["energy"]
    means = {model: float(np.mean(values)) for model, values in auc.items()}
    generator = np.random.default_rng(seed)
    return analyse(results.answers, generator, means, energy, results.cases, repetitions, results.schedule)
