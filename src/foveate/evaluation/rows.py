"""What was found, as the rows of results.csv, measures.csv, comparison.csv and tests.csv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from foveate.evaluation.compare import Compared
from foveate.evaluation.measures import Measure
from foveate.evaluation.results import Undefined, defined
from foveate.evaluation.scores import RunScores

COMPARISON_COLUMNS = [
    "dataset", "policy", "model", "mean_auc", "sd_auc", "delta", "ci_low", "ci_high", "p", "p_holm", "method",
]  # fmt: skip
FINDING_COLUMNS = [
    "dataset", "policy", "model", "repeat", "quantity", "estimate", "standard_error", "ci_low", "ci_high",
    "statistic", "df", "p", "method", "note",
]  # fmt: skip
MEASURE_COLUMNS = [
    "dataset", "policy", "model", "repeat", "measure", "threshold", "prevalence", "value", "ci_low", "ci_high", "note",
]  # fmt: skip


def comparison_rows(dataset: str, policy: str, compared: Compared) -> pd.DataFrame:
    """comparison.csv: a row a model; empty cells where a number does not exist, and `method` says why."""
    rows = []
    compared_at_all = any(row.delta is not None for row in compared.models)
    for row in compared.models:
        low, high = defined(row.delta.interval if row.delta else None) or (None, None)
        delta, p, method = None, None, "baseline"
        if isinstance(row.delta, Undefined):
            method = str(row.delta)
        elif row.delta is not None:
            delta, p, method = row.delta.estimate, defined(row.delta.p_value), row.delta.method
            if isinstance(row.delta.p_value, Undefined):
                method = str(row.delta.p_value)
        elif not compared_at_all:
            method = "nothing to compare with"
        rows.append((dataset, policy, row.model, row.mean, row.deviation, delta, low, high, p, row.p_holm, method))
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def finding_rows(dataset: str, policy: str, compared: Compared) -> pd.DataFrame:
    """tests.csv: every test and interval, a row each; `note` says why a number is missing."""
    rows: list[tuple[Any, ...]] = []
    for test in compared.tests:
        result = test.result
        names = (dataset, policy, test.model, test.repeat, test.quantity)
        if isinstance(result, Undefined):
            rows.append((*names, *[None] * 7, "", result.reason))
            continue
        low, high = defined(result.interval) or (None, None)
        freedom = defined(result.degrees_of_freedom)
        df = f"{freedom[0]:g}, {freedom[1]:.4f}" if isinstance(freedom, tuple) else freedom
        reasons = [part.reason for part in (result.interval, result.p_value) if isinstance(part, Undefined)]
        numbers = (result.estimate, defined(result.standard_error), low, high, defined(result.statistic), df)
        note = "; ".join(dict.fromkeys(filter(None, [*reasons, test.note])))
        rows.append((*names, *numbers, defined(result.p_value), result.method, note))
    return pd.DataFrame(rows, columns=FINDING_COLUMNS).astype({"repeat": "Int64"})


def measure_rows(
    dataset: str, policy: str, found: Sequence[RunScores], measures: Sequence[list[Measure]]
) -> pd.DataFrame:
    """measures.csv: a row for each run and measure, with its interval."""
    rows = [
        (dataset, policy, run.model, run.repeat, m.name, m.threshold, m.prevalence, m.value, m.low, m.high, m.note)
        for run, of in zip(found, measures, strict=True)
        for m in of
    ]
    return pd.DataFrame(rows, columns=MEASURE_COLUMNS)


def result_rows(
    dataset: str, policy: str, found: Sequence[RunScores], measures: Sequence[list[Measure]]
) -> pd.DataFrame:
    """results.csv: a row a run, its AUC with interval first, then a column a measure."""
    rows = []
    for run, of in zip(found, measures, strict=True):
        auc = of[0]
        row: dict[str, object] = {"dataset": dataset, "policy": policy, "model": run.model, "repeat": run.repeat}
        row |= {"auc": auc.value, "auc_low": auc.low, "auc_high": auc.high}
        row |= {"cases": len(run.cases), "positives": int(run.labels.sum())}
        row |= {m.column: m.value for m in of[1:]}
        rows.append(row)
    return pd.DataFrame(rows)
