"""Means, spreads and differences, against values worked out by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from foveate.evaluation.compare import RESULT_COLUMNS, compare_models


def results(*rows: tuple[str, str, int, float]) -> pd.DataFrame:
    full = [(dataset, "paper", model, repeat, auc, 0.5, 10, 5, 1, 1.0) for dataset, model, repeat, auc in rows]
    return pd.DataFrame(full, columns=RESULT_COLUMNS)


def test_the_papers_ct_table() -> None:
    table = results(
        *(("ct", "resnet18", n, auc) for n, auc in enumerate((0.8779, 0.8761, 0.7899), 1)),
        *(("ct", "resnet18+cbam", n, auc) for n, auc in enumerate((0.9037, 0.9325, 0.8945), 1)),
    )
    plain, cbam = compare_models(table, "resnet18").to_dict("records")
    assert plain["mean_auc"] == pytest.approx(0.8479667, abs=1e-6)
    assert plain["sd_auc"] == pytest.approx(0.0502953, abs=1e-6)  # n - 1 in the denominator
    assert math.isnan(plain["delta"])
    assert cbam["delta"] == pytest.approx(0.0622667, abs=1e-6)
    assert (cbam["dataset"], cbam["policy"], cbam["repeats"]) == ("ct", "paper", 3)


def test_one_run_has_no_spread_and_a_missing_baseline_no_difference() -> None:
    rows = compare_models(results(("a", "resnet18+se", 1, 0.9), ("b", "resnet18", 1, 0.8)), "resnet18")
    assert list(rows["model"]) == ["resnet18+se", "resnet18"]
    assert rows["sd_auc"].isna().all()
    assert rows["delta"].isna().all()
