"""The scores that are compared: of a study's runs, or of anybody's models from one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foveate import runs
from foveate.data.classes import chosen_by, two_classes
from foveate.data.sources.tables import Table, read_table
from foveate.errors import FoveateError
from foveate.evaluation.metrics import disease
from foveate.runs import Run, StudyFolder

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
COLUMNS = ("case", "label", "model", "repeat", "score")
TUNING = "tuning.csv"  # a run's predictions on the tuning part, where a study has one


@dataclass(frozen=True)
class Several:
    """What a run of more than two classes says of each."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64]  # (n,) index into classes
    probabilities: Floats  # (n, k)


@dataclass(frozen=True)
class RunScores:
    """One run's scores of its validation cases."""

    model: str
    repeat: int
    cases: NDArray[np.str_]  # (n,)
    labels: Bools  # (n,) True for diseased
    scores: Floats  # (n,) higher for disease
    patients: NDArray[np.str_] | None = None  # (n,); None where they are not known
    tuning: tuple[Bools, Floats] | None = None  # labels and scores of other cases, to choose a threshold on
    probabilities: bool = True  # whether the scores are probabilities of disease
    several: Several | None = None  # of more than two classes


def of_study(folder: StudyFolder, evaluated: Sequence[Run]) -> list[RunScores]:
    """The scores of a study's evaluated runs, of one data set or several, in the given order."""
    patients = {run.subject: _patients(folder.data(run.subject) / "manifest.csv") for run in evaluated}
    found = []
    for run in evaluated:
        place = folder.run(run)
        positives = _positives(place / "run.json")
        cases, labels, scores, several = _predictions(place / "predictions.csv", positives)
        known = patients[run.subject]
        of = None if known is None else np.array([known.get(case, f"case {case}") for case in cases.tolist()])
        tuning = _predictions(place / TUNING, positives)[1:3] if (place / TUNING).is_file() else None
        found.append(RunScores(run.model, run.repeat, cases, labels, scores, of, tuning, several=several))
    return found


def _positives(record: Path) -> int:
    """How many classes are disease: one where the record is older than the question."""
    return int(runs.read_json(record).get("input", {}).get("positives", 1)) if record.is_file() else 1


def _predictions(path: Path, positives: int) -> tuple[NDArray[np.str_], Bools, Floats, Several | None]:
    """Cases, whether they are positive, their scores, and more of several classes; positive classes come last."""
    damaged = FoveateError(f"{path} is damaged: remove it, and foveate evaluate writes it anew.")
    try:
        table = pd.read_csv(path, dtype={"case": str, "label": str}, keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise damaged from error
    columns = [str(name) for name in table.columns if str(name).startswith("p_")]
    names = [name.removeprefix("p_") for name in columns]
    if "case" not in table or "label" not in table or len(names) < 2 or not set(table["label"]) <= set(names):
        raise damaged
    labels = np.array([names.index(label) for label in table["label"]], dtype=np.int64)
    probabilities = table[columns].to_numpy(dtype=np.float64)
    several = Several(tuple(names), labels, probabilities) if len(names) > 2 else None
    return table["case"].to_numpy(dtype=str), *disease(labels, probabilities, positives), several


def _patients(manifest: Path) -> dict[str, str] | None:
    """Case -> patient, of the cases that have one; None where none has."""
    if not manifest.is_file():
        return None
    table = pd.read_csv(manifest, dtype=str, keep_default_na=False, usecols=lambda name: name in ("case", "patient"))
    if "patient" not in table or not (table["patient"] != "").any():
        return None
    known = table[table["patient"] != ""]
    return dict(zip(known["case"], known["patient"], strict=True))


def from_table(path: Path, positive: str | None = None) -> tuple[list[RunScores], str]:
    """The runs of a table with the columns case, label, model, repeat, score and optionally patient, a row a score.

    `label` has two values: 0 and 1, or two words of which one sounds healthy, or `positive` says which is disease;
    it is returned too. All runs must have scored the same cases. Raises FoveateError that names the file, the row or
    run, and what would be right.
    """
    source, table = _read(path)
    positive = _positive_label(table["label"].tolist(), positive, path)
    repeated = table.duplicated(["case", "model", "repeat"])
    if repeated.any():
        place = int(repeated.to_numpy().argmax())
        row = table.iloc[place]
        raise FoveateError(
            f"{source.where(place)}: case {row['case']} stands twice in repeat "
            f"{row['repeat']} of {row['model']}; a run scores a case once."
        )
    for column, what in (("label", "label"), ("patient", "patient")):
        if column in table and (table.groupby("case")[column].nunique() > 1).any():
            case = table.groupby("case")[column].nunique().idxmax()
            raise FoveateError(f"{path}: case {case} has more than one {what}; a case has one in all its rows.")
    whole: set[str] = set(table["case"])
    found = []
    for (model, repeat), rows in table.groupby(["model", "repeat"], sort=False):
        lacking = whole - set(rows["case"])
        if lacking:
            raise FoveateError(
                f"{path}: repeat {repeat} of {model} has no score for {len(lacking)} of {len(whole)} cases, such as "
                f"{min(lacking)}; all runs must score the same cases."
            )
        rows = rows.sort_values("case")
        scores = rows["score"].to_numpy(dtype=np.float64)
        patients = rows["patient"].to_numpy(dtype=str) if "patient" in rows else None
        if patients is not None:
            patients = np.where(patients == "", np.char.add("case ", rows["case"].to_numpy(dtype=str)), patients)
        found.append(
            RunScores(
                str(model),
                int(str(repeat)),
                rows["case"].to_numpy(dtype=str),
                (rows["label"] == positive).to_numpy(dtype=bool),
                scores,
                patients,
                probabilities=bool(((table["score"] >= 0) & (table["score"] <= 1)).all()),
            )
        )
    return found, positive


def _read(path: Path) -> tuple[Table, pd.DataFrame]:
    """The table as it lies and as a frame with numbers, by the house's one reader of tables."""
    source = read_table(path)
    lacking = [name for name in COLUMNS if name not in source.columns]
    if lacking:
        raise FoveateError(
            f"{path} has no column {lacking[0]!r}: it needs {', '.join(COLUMNS)}, and may have patient. "
            f"It has {', '.join(source.columns)}."
        )
    table = pd.DataFrame(source.rows, columns=source.columns, dtype=str)
    if table.empty:
        raise FoveateError(f"{path} has no rows: one for each case, model and repeat is needed.")
    scores = np.array([source.number(row, "score") for row in range(len(table))])
    _refuse(source, ~np.isfinite(scores), "score", "a finite number")
    wrong = ~table["repeat"].str.fullmatch(r"\d{1,6}").to_numpy(dtype=bool)
    _refuse(source, wrong, "repeat", "a whole number up to 999999")
    for name in ("case", "label", "model"):
        _refuse(source, (table[name].str.strip() == "").to_numpy(dtype=bool), name, "a name")
    return source, table.assign(score=scores, repeat=table["repeat"].astype(int))


def _refuse(table: Table, wrong: Bools, column: str, right: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        more = f" ({int(wrong.sum())} such rows)" if wrong.sum() > 1 else ""
        raise FoveateError(f"{table.where(row)}: {column} {table.rows[row][column]!r} is not {right}{more}.")


def _positive_label(labels: list[str], positive: str | None, path: Path) -> str:
    names = sorted(set(labels))
    if len(names) != 2:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise FoveateError(
            f"{path}: the labels must be two, such as 0 and 1 (diseased), not {len(names)} ({shown}). "
            "For more classes, make a table in which one of them stands against all others."
        )
    if positive is None and chosen_by(names, ()) == "alphabet":
        raise FoveateError(
            f"{path}: which of the labels {names[0]} and {names[1]} is disease? Neither name tells: "
            f"say --positive {names[1]}, or --positive {names[0]}."
        )
    return list(two_classes(names, [] if positive is None else [positive], str(path)))[-1]


def stacked(found: Sequence[RunScores], models: Sequence[str], repeats: Sequence[int]) -> Floats:
    """Scores (models, runs, cases) of runs that scored the same cases in the same order."""
    by_run = {(run.model, run.repeat): run.scores for run in found}
    return np.array([[by_run[model, repeat] for repeat in repeats] for model in models])


def same_cases(found: Sequence[RunScores]) -> bool:
    return all(np.array_equal(run.cases, found[0].cases) for run in found)
