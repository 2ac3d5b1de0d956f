"""The faithfulness of models: means over cases and runs, beside the controls' and the baseline's. Without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = [
    "dataset", "policy", "model", "metric", "runs", "cases", "blank", "mean", "sd_between_runs", "control_random",
    "control_centre", "difference",
]  # fmt: skip

Floats = NDArray[np.float64]


def by_model(scores: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """A row a data set, model and metric, the models in the order given, the first the baseline.

    `scores`: as `of_study.SCORES`. A run's value is its mean over cases; `mean` is that over runs, `sd_between_runs`
    its standard deviation (NaN for one run), `difference` the mean less the baseline's, `blank` the number of blank
    maps among all, `cases` the number of different ones.
    """
    rows = []
    for (dataset, policy, metric), here in scores.groupby(["dataset", "policy", "metric"], sort=False):
        means: dict[str, float] = {}
        for model in models:
            own = here[here["model"] == model]
            if own.empty:
                continue
            by_run = own.groupby("repeat")["value"].mean()
            means[model] = float(by_run.mean())
            spread = float(by_run.std(ddof=1)) if len(by_run) > 1 else float("nan")
            controls = [float(own.groupby("repeat")[name].mean().mean()) for name in COLUMNS[9:11]]
            difference = means[model] - means.get(models[0], float("nan"))
            counted = (len(by_run), own["case"].nunique(), int(own["blank"].sum()))
            rows.append((dataset, policy, model, metric, *counted, means[model], spread, *controls, difference))
    return pd.DataFrame(rows, columns=COLUMNS)


def values(scores: pd.DataFrame, models: Sequence[str]) -> tuple[Floats, list[str]] | None:
    """One metric's values on one data set as (models, runs, cases), and the cases; None where runs differ in cases.

    That is what a comparison of means takes. Only the repeats that every model has are in it.
    """
    repeats = sorted(set.intersection(*(set(scores.loc[scores["model"] == model, "repeat"]) for model in models)))
    own = scores[scores["model"].isin(list(models)) & scores["repeat"].isin(repeats)]
    table = own.pivot_table(index=["model", "repeat"], columns="case", values="value", sort=False, dropna=False)
    if not repeats or table.isna().any(axis=None):
        return None
    found = np.stack(
        [[table.loc[(model, repeat)].to_numpy(dtype=np.float64) for repeat in repeats] for model in models]
    )
    return found, [str(case) for case in table.columns]
