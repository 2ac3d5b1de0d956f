"""The result tables' rows, from a study's CSV files, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import pandas as pd

from foveate import runs
from foveate.config import Study
from foveate.errors import FoveateError
from foveate.evaluation.rows import COMPARISON_COLUMNS, FINDING_COLUMNS
from foveate.explanation.charts import model_title
from foveate.report.published import PUBLISHED, PublishedTable
from foveate.runs import Run, StudyFolder, Subject

MINUS = "−"  # U+2212, as wide as the plus sign
TEXT = dict.fromkeys(
    ("dataset", "policy", "model", "case", "metric", "stratum", "method", "quantity", "df", "note"), str
)  # never numbers, never "missing"


@dataclass(frozen=True)
class ModelResult:
    """One model's row of a result table; AUCs in per cent, None where a run is missing or has no AUC."""

    model: str
    tests: tuple[float | None, ...]  # AUC of repeats 1, 2, ...
    mean: float | None
    deviation: float | None  # sample standard deviation between runs; None below two runs
    delta: float | None  # less the baseline, before rounding, over the repeats of both; None for the baseline
    interval: tuple[float, float] | None  # of delta
    p: float | None  # of delta
    p_holm: float | None
    method: str  # what interval and p come from, or why there are none; "" where nothing is compared yet
    published: float | None  # the mean of the paper's tests, where it has some
    published_delta: float | None
    published_tests: tuple[float, ...]

    @property
    def title(self) -> str:
        return model_title(self.model)

    @property
    def runs(self) -> int:
        return sum(test is not None for test in self.tests)


def read_results(folder: StudyFolder) -> pd.DataFrame:
    """results.csv, a row a run; no rows where it is not there yet."""
    return read_table(
        folder.path / "results.csv", ("dataset", "policy", "model", "repeat", "auc", "accuracy", "seconds")
    )


def read_comparison(folder: StudyFolder) -> pd.DataFrame:
    """comparison.csv, a row a model; no rows where it is not there yet."""
    return read_table(folder.path / "comparison.csv", COMPARISON_COLUMNS)


def read_tests(folder: StudyFolder) -> pd.DataFrame:
    """tests.csv, a row a test; no rows where it is not there yet."""
    return read_table(folder.path / "tests.csv", FINDING_COLUMNS)


def read_localisation(folder: StudyFolder) -> pd.DataFrame:
    """localisation.csv, a row a map and metric; no rows where it is not there."""
    columns = ("dataset", "policy", "model", "repeat", "case", "metric", "value", "chance")
    return read_table(folder.path / "localisation.csv", columns)


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=list(columns))
    header = pd.read_csv(path, nrows=0).columns
    lacking = [name for name in ("dataset", "policy", "model") if name not in header]
    if lacking:
        raise FoveateError(f"{path} has no column {lacking[0]!r}: remove it, and foveate evaluate writes it anew.")
    numbers = {name: ["", "nan", "NaN"] for name in header if name not in TEXT}
    return pd.read_csv(path, dtype=TEXT, keep_default_na=False, na_values=numbers)


def of_subject(table: pd.DataFrame, subject: Subject) -> pd.DataFrame:
    """The rows of one data set under one policy."""
    return table[(table["dataset"] == subject.dataset) & (table["policy"] == subject.policy)]


def missing_runs(study: Study, results: pd.DataFrame) -> list[Run]:
    """The runs of the study that have no row in its results."""
    there = set(
        zip(
            results["dataset"],
            results["policy"],
            results["model"],
            results["repeat"].astype(int),
            strict=True,
        )
    )
    return [
        run for run in runs.grid(study) if (run.subject.dataset, run.subject.policy, run.model, run.repeat) not in there
    ]


def auc_table(study: Study, subject: Subject, results: pd.DataFrame, comparison: pd.DataFrame) -> list[ModelResult]:
    """The rows of a data set's result table, a row a model, the baseline first."""
    paper = PUBLISHED.get(study.datasets[subject.dataset].published or "")
    here, compared = of_subject(results, subject), of_subject(comparison, subject)
    return model_results(list(study.models), range(1, study.repeats + 1), here, compared, paper)


def model_results(
    models: Sequence[str],
    repeats: Iterable[int],
    results: pd.DataFrame,
    comparison: pd.DataFrame,
    paper: PublishedTable | None = None,
) -> list[ModelResult]:
    """Result rows of one data set from its rows of results.csv and comparison.csv; the first model is the baseline."""
    found = {
        (str(m), int(r)): 100 * float(a)
        for m, r, a in zip(results["model"], results["repeat"], results["auc"], strict=True)
    }
    compared, numbers = comparison.set_index("model"), list(repeats)
    published = {model: paper.mean(model) if paper else None for model in models}
    rows = []
    for model in models:
        tests = tuple(number(found.get((model, repeat))) for repeat in numbers)
        values = [value for value in tests if value is not None]
        test = compared.loc[model] if model in compared.index else pd.Series(dtype=object)
        low, high, delta = (_per_cent(test.get(name)) for name in ("ci_low", "ci_high", "delta"))
        rows.append(
            ModelResult(
                model,
                tests,
                fmean(values) if values else None,
                stdev(values) if len(values) > 1 else None,
                delta,
                None if low is None or high is None else (low, high),
                number(test.get("p")),
                number(test.get("p_holm")),
                str(test.get("method", "")),
                published[model],
                None if model == models[0] else _difference(published[model], published[models[0]]),
                paper.tests.get(model, ()) if paper else (),
            )
        )
    return rows


def number(value: object) -> float | None:
    """A float, or None for what is none: None, NaN."""
    found = float("nan") if value is None else float(str(value))
    return None if found != found else found


def _per_cent(fraction: object) -> float | None:
    share = number(fraction)
    return None if share is None else 100 * share


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def decimals(value: float | None, places: int = 2) -> str:
    """93.284 -> 93.28; a dash for None and NaN."""
    if value is None or value != value:
        return "–"
    return f"{value:z.{places}f}".replace("-", MINUS)  # z: no minus before a zero


def signed(value: float | None, places: int = 2) -> str:
    """1.777 -> +1.78, -0.4 -> −0.40, 0.001 -> 0.00; nothing for None."""
    if value is None:
        return ""
    text = f"{value:+z.{places}f}"
    return text.removeprefix("+") if float(text) == 0 else text.replace("-", MINUS)


def between(interval: tuple[float, float] | None, places: int = 2) -> str:
    """(-3.1, 0.44) -> −3.10 to +0.44; nothing for None."""
    return "" if interval is None else f"{signed(interval[0], places)} to {signed(interval[1], places)}"


def p_value(p: float | None) -> str:
    """Three decimals, and never 0: < 0.001, 0.049, 0.120; nothing for None."""
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_equals(p: float) -> str:
    """0.033 -> p = 0.033; 0.0004 -> p < 0.001"""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def with_delta(mean: float | None, delta: float | None) -> str:
    """As the paper prints it: 95.06 (+1.78)."""
    return decimals(mean) + (f" ({signed(delta)})" if delta is not None else "")


def percent(fraction: float | None) -> str:
    """0.1234 -> 12.3 %"""
    return "–" if fraction is None else f"{100 * fraction:.1f} %"


def times(ratio: float | None) -> str:
    """2.345 -> × 2.3"""
    return "–" if ratio is None else f"× {ratio:.1f}"
