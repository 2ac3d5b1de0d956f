"""The evaluation of a whole study: from the predictions of its runs to results, measures, comparison and tests."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from foveate import runs
from foveate.data.prepare import split_file
from foveate.data.split import TRAIN
from foveate.evaluation import compare, rows, scores
from foveate.evaluation.compare import Settings
from foveate.evaluation.multireader import Design
from foveate.runs import Run, StudyFolder, Subject

TABLES = ("results", "measures", "comparison", "tests")  # OUT/<name>.csv


def settings(folder: StudyFolder, evaluated: Sequence[Run]) -> Settings:
    """How a study is judged: what its file says, and factorial where every run's record licenses that."""
    asked = folder.study.evaluation
    licensed = all(runs.read_json(folder.run(run) / "run.json").get("comparison") == "factorial" for run in evaluated)
    chosen: Design = "factorial" if licensed else "nested"
    design = chosen if asked.design == "auto" else asked.design
    return Settings(design, asked.confidence, asked.threshold, asked.prevalence, asked.bootstrap, folder.study.seed)


def evaluate_study(folder: StudyFolder, evaluated: Sequence[Run]) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The tables of all data sets by name, and what a reader must know about the comparison."""
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    notes = []
    for subject in dict.fromkeys(run.subject for run in evaluated):
        own = [run for run in evaluated if run.subject == subject]
        found, how = scores.of_study(folder, own), settings(folder, own)
        compared = compare.compare(found, list(folder.study.models), how, training_cases(folder, subject))
        measures = compare.measures_of(found, how)
        names = (subject.dataset, subject.policy)
        records = [runs.read_json(folder.run(run) / "run.json") for run in own]
        results = rows.result_rows(*names, found, measures)
        parts["results"].append(
            results.assign(epochs=[r["epochs"] for r in records], seconds=[r["seconds"] for r in records])
        )
        parts["measures"].append(rows.measure_rows(*names, found, measures))
        parts["comparison"].append(rows.comparison_rows(*names, compared))
        parts["tests"].append(rows.finding_rows(*names, compared))
        notes += [f"{subject.name}: {note}" for note in compared.notes]
    tables = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    tables["tests"] = pd.concat([tables["tests"], *_over_datasets(tables["comparison"])], ignore_index=True)
    return tables, notes


def _over_datasets(comparison: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Ranks over the data sets that have every model, policy by policy; their rows name no data set."""
    for policy, here in comparison.groupby("policy", sort=False):
        means = here.pivot_table(index="dataset", columns="model", values="mean_auc", sort=False).dropna()
        if len(means) > 1 and means.shape[1] > 1:
            tests = tuple(compare.over_datasets(means))
            yield rows.finding_rows("", str(policy), compare.Compared((), tests))


def training_cases(folder: StudyFolder, subject: Subject) -> int | None:
    """Images that a run is trained on; None where the split is not there."""
    file: Path = folder.data(subject) / split_file(folder.study, 1)
    if not file.is_file():
        return None
    table = pd.read_csv(io.StringIO(file.read_text(encoding="utf-8")), dtype=str)
    return int((table["part"] == TRAIN).sum())
