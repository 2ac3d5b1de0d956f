"""The tables behind the result table, against values worked out by hand."""

from __future__ import annotations

import pandas as pd

from foveate.evaluation.rows import FINDING_COLUMNS
from foveate.report.detail_tables import finding_lines, measure_lines


def test_measures_are_means_over_runs_with_their_spread() -> None:
    results = pd.DataFrame(
        {
            "model": ["a", "a", "b"],
            "sensitivity_chosen": [0.8, 0.9, 0.5],
            "brier": [0.1, 0.2, None],
            "mcc_chosen": [None, None, None],
            "unknown": [1, 2, 3],
        }
    )
    assert measure_lines(results, ["a", "b", "c"]) == [
        ("Sensitivity, chosen threshold", "85.0 % ± 7.1", "50.0 %", "–"),
        ("Brier score", "0.150 ± 0.071", "–", "–"),
    ]


def test_findings_for_people() -> None:
    def row(quantity: str, **cells: object) -> dict[str, object]:
        empty = dict.fromkeys(FINDING_COLUMNS) | {"model": "", "df": "", "method": "", "note": ""}
        return empty | {"quantity": quantity} | cells

    rows = [
        row("any difference", estimate=0.015, statistic=1.86, df="3, 15.6341", p=0.178, method="F"),
        row(
            "difference in one run", model="resnet18+se", repeat=2, estimate=-0.0089, ci_low=-0.022, ci_high=0.004,
            statistic=-1.34, p=0.0004, method="D", note="n",
        ),
        row("probability of more", model="m", estimate=0.3333, ci_low=0.0, ci_high=1.0),
        row("difference of means", model="m", note="one class"),
        row("difference of means", model="m", estimate=0.0, statistic=0.0, df="inf", p=1.0),
    ]  # fmt: skip
    assert finding_lines(pd.DataFrame(rows, columns=FINDING_COLUMNS)) == [
        ["Any difference", "all models", "1.50", "", "1.86", "3, 15.6", "0.178", "F"],
        ["Difference in one run", "ResNet-18 + SE, run 2", "−0.89", "−2.20 to 0.40", "−1.34", "", "< 0.001", "D; n"],
        ["Probability of more", "m", "0.333", "0.000 to 1.000", "", "", "", ""],
        ["Difference of means", "m", "", "", "", "", "", "one class"],
        ["Difference of means", "m", "0.00", "", "0.00", "∞", "1.000", ""],
    ]
