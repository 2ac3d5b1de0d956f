"""Runs side by side: one row a run, one row a model. Numpy and pandas only."""

from __future__ import annotations

import pandas as pd

from foveate import runs
from foveate.runs import Run, StudyFolder

RESULT_COLUMNS = [
    "dataset",
    "policy",
    "model",
    "repeat",
    "auc",
    "accuracy",
    "cases",
    "positives",
    "epochs",
    "seconds",
]


def collect_results(folder: StudyFolder, evaluated: list[Run]) -> pd.DataFrame:
    """results.csv: what the given runs reached on the validation part."""
    rows = []
    for run in evaluated:
        metrics = runs.read_json(folder.run(run) / "metrics.json")
        record = runs.read_json(folder.run(run) / "run.json")
        identity = (run.subject.dataset, run.subject.policy, run.model, run.repeat)
        values = (metrics["auc"], metrics["accuracy"], metrics["cases"], metrics["positives"])
        rows.append((*identity, *values, record["epochs"], record["seconds"]))
    return pd.DataFrame(rows, columns=RESULT_COLUMNS)


def compare_models(results: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """comparison.csv: mean AUC and standard deviation over repeats (n - 1), and the mean's difference to the baseline.

    `sd_auc` is empty with one repeat, `delta` for the baseline itself and where the baseline has no run. The
    difference carries no test: means of a few runs are what the paper compares.
    """
    models = list(dict.fromkeys(results["model"]))
    rows = []
    for (dataset, policy), table in results.groupby(["dataset", "policy"], sort=False):
        aucs = {model: table.loc[table["model"] == model, "auc"] for model in models}
        for model, values in aucs.items():
            if values.empty:
                continue
            comparable = model != baseline and baseline in aucs and not aucs[baseline].empty
            delta = float(values.mean() - aucs[baseline].mean()) if comparable else None
            rows.append((dataset, policy, model, len(values), float(values.mean()), float(values.std()), delta))
    return pd.DataFrame(rows, columns=["dataset", "policy", "model", "repeats", "mean_auc", "sd_auc", "delta"])
