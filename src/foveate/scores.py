"""`foveate evaluate --predictions` and `--plan`: scores from anywhere compared, a study planned from another."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from rich.table import Table
from rich.text import Text

from foveate import runs
from foveate.errors import FoveateError, UsageError
from foveate.evaluation import compare, rows, scores
from foveate.evaluation.compare import Settings
from foveate.evaluation.multireader import Design
from foveate.evaluation.planning import Power, power_of_runs
from foveate.evaluation.results import Undefined
from foveate.evaluation.scores import RunScores
from foveate.explanation.charts import model_title
from foveate.report import tables, verdict
from foveate.report.table_files import auc_csv, auc_display, table_files

RUNS = (3, 5, 10, 20)  # of each model, in a plan
TIMES = (1, 2, 5, 10)  # as many cases as there are
POWER = 0.8


def design_of(text: str | None) -> Design:
    """The design by its name; nested where none is given."""
    if text not in (None, *get_args(Design)):
        raise UsageError(f"--design must be nested or factorial, not {text!r}.")
    return cast(Design, text or "nested")


def read(path: Path, baseline: str | None, positive: str | None = None) -> tuple[list[RunScores], list[str], str]:
    """The runs of a table of predictions, its models, the baseline first, and the label that is disease."""
    found, diseased = scores.from_table(path, positive)
    models = list(dict.fromkeys(run.model for run in found))
    if baseline is not None and baseline not in models:
        raise UsageError(f"--baseline {baseline}: {path} has no such model; it has {', '.join(models)}.")
    first = baseline or models[0]
    return found, [first, *(model for model in models if model != first)], diseased


def compare_predictions(
    path: Path, found: list[RunScores], models: list[str], settings: Settings, out: Path | None
) -> tuple[Table, list[str]]:
    """Compare the runs of a table; write everything to `out` where it is given. The result table and what to say."""
    compared = compare.compare(found, models, settings)
    measures, names = compare.measures_of(found, settings), (path.stem, "given")
    written = {
        "results": rows.result_rows(*names, found, measures),
        "measures": rows.measure_rows(*names, found, measures),
        "comparison": rows.comparison_rows(*names, compared),
        "tests": rows.finding_rows(*names, compared),
    }
    results = tables.model_results(
        models, sorted({run.repeat for run in found}), written["results"], written["comparison"]
    )
    images = len(found[0].cases)
    display = auc_display(results, f"AUC-ROC in per cent on {path.stem}, {images:,} cases.", None, settings.confidence)
    if out is not None:
        with runs.disk_errors(out):
            for name, table in written.items():
                runs.write_text(out / f"{name}.csv", table.to_csv(index=False))
            for name, text in table_files(path.stem, auc_csv(results), display).items():
                runs.write_text(out / "tables" / name, text)
    runs_apart = len(results[0].tests)  # too wide for a terminal: they are in the files
    shown = Table(*display.head[:1], box=None, pad_edge=False)
    for title in display.head[1 + runs_apart :]:
        shown.add_column(title, justify="right")
    for line in display.rows:
        shown.add_row(*map(Text, (line[0], *line[1 + runs_apart :])))  # a model's name is no markup
    said = [f"note: {note}" for note in compared.notes]
    below = sum(value < 0.5 for row in compared.models for value in row.values)
    if 2 * below > len(found):
        said.append("note: most AUCs are below 50 %: is the other label the disease, or do low scores mean disease?")
    if not found[0].probabilities:
        said.append("note: the scores are no probabilities: nothing is said at a threshold of 0.5, or of calibration")
    said += verdict.quotes(path.stem, results, images, settings.confidence, "cases")
    if len(models) > 1:
        said.append(verdict.verdict({path.stem: results}))
    return shown, said


def plan(name: str, found: list[RunScores], models: list[str], settings: Settings, points: float) -> tuple[Table, str]:
    """The chance to show a difference of so many points with more runs and cases, and what that rests on."""
    known = power_of_runs(found, models, settings.design)
    if isinstance(known, Undefined):
        raise FoveateError(f"{name}: nothing can be planned from these runs: {known.reason}.")
    comparisons = known.models - 1
    alpha = verdict.ALPHA / comparisons
    table = Table("runs a model", box=None, pad_edge=False)
    for times in TIMES:
        table.add_column(f"{times * known.cases:,} cases", justify="right")
    table.add_column(f"cases for {POWER:.0%}", justify="right")
    for runs_each in RUNS:
        chances = [known.power(points / 100, runs_each, times * known.cases, alpha) for times in TIMES]
        needed = known.cases_needed(points / 100, runs_each, POWER, alpha)
        table.add_row(
            str(runs_each),
            *(f"{100 * chance:.0f} %" for chance in chances),
            "over a million" if needed is None else f"{needed:,}",
        )
    return table, _plan_words(name, known, comparisons, alpha, points, models)


def _plan_words(name: str, known: Power, comparisons: int, alpha: float, points: float, models: list[str]) -> str:
    step = f", Holm’s first step for {comparisons} comparisons" if comparisons > 1 else ""
    return (
        f"{name}: the chance to show a true difference of {points:g} points in mean AUC to {model_title(models[0])}, "
        f"two-sided at {alpha:.3g}{step}; {known.design} runs, cases of the same mix of classes and patients.\n"
        f"From the variance of {known.cases:,} cases: a run by itself {_points(known.run)} points (SD), a run and its "
        f"cases {_points(known.run_and_case)}, the cases alike for all runs of a model {_points(known.case)}. "
        "A few runs give such variances roughly: take the table as an order of magnitude."
    )


def _points(variance: float) -> str:
    return f"{100 * variance**0.5:.2f}"


def of_study(folder: runs.StudyFolder) -> list[tuple[str, list[RunScores], list[str], Settings]]:
    """The evaluated runs of each of a study's data sets, with its models and how it compares them."""
    from foveate.evaluation.study import settings

    done = [run for run in runs.grid(folder.study) if (folder.run(run) / "predictions.csv").is_file()]
    if not done:
        raise FoveateError(f"no run of {folder.path} is evaluated yet: foveate evaluate {folder.path}")
    studied = []
    for subject in dict.fromkeys(run.subject for run in done):
        own = [run for run in done if run.subject == subject]
        studied.append((subject.name, scores.of_study(folder, own), list(folder.study.models), settings(folder, own)))
    return studied
