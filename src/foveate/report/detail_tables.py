"""The tables behind the result table, as text: every test, and the measures at a threshold and of calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from foveate.explanation.charts import model_title
from foveate.report.tables import decimals, p_value
from foveate.report.words import sentence

# Column of results.csv -> its name for people, and whether it is a share that is shown in per cent.
MEASURES = {
    "auc_one_vs_rest": ("AUC, mean of each class against the rest", True),
    "accuracy_of_classes": ("Accuracy over all classes", True),
    "average_precision": ("Average precision", True),
    "sensitivity_at_90_specificity": ("Sensitivity at 90 % specificity", True),
    "sensitivity_at_95_specificity": ("Sensitivity at 95 % specificity", True),
    "sensitivity_chosen": ("Sensitivity, chosen threshold", True),
    "specificity_chosen": ("Specificity, chosen threshold", True),
    "ppv_chosen": ("PPV, chosen threshold", True),
    "npv_chosen": ("NPV, chosen threshold", True),
    "accuracy_chosen": ("Accuracy, chosen threshold", True),
    "f1_chosen": ("F1, chosen threshold", False),
    "mcc_chosen": ("MCC, chosen threshold", False),
    "sensitivity": ("Sensitivity at 0.5", True),
    "specificity": ("Specificity at 0.5", True),
    "accuracy": ("Accuracy at 0.5", True),
    "brier": ("Brier score", False),
    "log_loss": ("Log loss", False),
    "calibration_error": ("Calibration error", False),
}
PLAIN = ("probability", "smallest p", "rank")  # quantities that are no AUC: not shown in per cent


def measure_lines(results: pd.DataFrame, models: Sequence[str]) -> list[tuple[str, ...]]:
    """A line a measure, a cell a model: mean over its runs, and the standard deviation between two or more."""
    lines = []
    for column, (title, share) in MEASURES.items():
        if column not in results or results[column].isna().all():
            continue
        cells = [_mean(results.loc[results["model"] == model, column].astype(float), share) for model in models]
        lines.append((title, *cells))
    return lines


def _mean(values: pd.Series[float], share: bool) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    factor, places = (100.0, 1) if share else (1.0, 3)
    text = decimals(factor * float(known.mean()), places) + (" %" if share else "")
    return text if len(known) < 2 else f"{text} ± {decimals(factor * float(known.std()), places)}"


def finding_lines(tests: pd.DataFrame) -> list[list[str]]:
    """tests.csv for people: what, of which model and run, estimate, interval, statistic, p, method and notes."""
    lines = []
    for row in tests.to_dict("records"):
        of = model_title(row["model"]) if row["model"] else "all models"
        if not pd.isna(row["repeat"]):
            of += f", run {int(row['repeat'])}"
        factor, places = (1.0, 3) if any(word in row["quantity"] for word in PLAIN) else (100.0, 2)
        value = "" if pd.isna(row["estimate"]) else decimals(factor * row["estimate"], places)
        interval = ""
        if not pd.isna(row["ci_low"]):
            low, high = (decimals(factor * row[name], places) for name in ("ci_low", "ci_high"))
            interval = f"{low} to {high}"
        statistic = "" if pd.isna(row["statistic"]) else decimals(float(row["statistic"]))
        df = _short_freedom(row["df"])
        p = "" if pd.isna(row["p"]) else p_value(float(row["p"]))
        notes = "; ".join(filter(None, [row["method"], row["note"]]))
        lines.append([sentence(row["quantity"]), of, value, interval, statistic, df, p, notes])
    return lines


def _short_freedom(text: str) -> str:
    """15.634080419 -> 15.6; 3, 15.6341 -> 3, 15.6; inf -> ∞"""
    numbers = [float(part) for part in text.split(",") if part]
    return ", ".join("∞" if math.isinf(number) else f"{number:.1f}".removesuffix(".0") for number in numbers)
