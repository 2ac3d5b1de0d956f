"""`foveate evaluate --predictions` and `--plan`: scores from anywhere compared, a study planned from another."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from foveate import columns, runs, spreadsheets
from foveate.errors import FoveateError, UsageError
from foveate.evaluation import compare, rows, scores
from foveate.evaluation.compare import Compared, Settings
from foveate.evaluation.multireader import Design
from foveate.evaluation.planning import MOST, MOST_RUNS, Power, power_of_runs
from foveate.evaluation.results import Undefined
from foveate.evaluation.scores import RunScores
from foveate.explanation.charts import model_title
from foveate.report import scores_page, tables, verdict
from foveate.report.scores_page import Scoring
from foveate.report.table_files import auc_csv, auc_display, table_files
from foveate.report.words import FEW

RUNS = (3, 5, 10, 20)  # of each model, in a plan
TIMES = (1, 2, 5, 10)  # as many cases as there are
POWER = 0.8
GOAL = f"{100 * POWER:.0f} %"


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
    path: Path, found: list[RunScores], models: list[str], settings: Settings, out: Path | None, diseased: str
) -> tuple[str, list[str]]:
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
    notes = _notes(found, compared)
    if out is not None:
        with runs.disk_errors(out):
            for name, table in written.items():
                runs.write_text(out / f"{name}.csv", spreadsheets.table_text(table))
            for name, text in table_files(path.stem, auc_csv(results), display).items():
                runs.write_text(out / "tables" / name, text)
            files = {name: spreadsheets.unguarded_table(tables.read_table(out / f"{name}.csv", ())) for name in written}
            scoring = Scoring(path.stem, found, models, diseased, settings, compared, results, files, notes)
            scores_page.write(scoring, out)
    runs_apart = len(results[0].tests)  # too wide for a terminal: they are in the files
    shown = columns.aligned(
        [display.head[0], *display.head[1 + runs_apart :]],
        [[line[0], *line[1 + runs_apart :]] for line in display.rows],
    )
    patients = found[0].patients
    said = [] if patients is None else [f"{images:,} cases of {len(set(patients.tolist())):,} patients"]
    said += [f"note: {note}" for note in notes]
    said += verdict.quotes(path.stem, results, images, settings.confidence, "cases")
    if len(models) > 1:
        said.append(verdict.verdict({path.stem: results}))
    return shown, said


def _notes(found: list[RunScores], compared: Compared) -> list[str]:
    """What a reader must know of these runs."""
    notes, first = list(compared.notes), found[0]
    diseased = int(first.labels.sum())
    if min(diseased, len(first.labels) - diseased) < FEW:
        counts = f"{diseased:,} diseased and {len(first.labels) - diseased:,} healthy"
        notes.append(f"few cases ({counts}): an AUC of fewer than {FEW} of a kind says little")
    below = sum(value < 0.5 for row in compared.models for value in row.values)
    if 2 * below > len(found):
        notes.append("most AUCs are below 50 %: is the other label the disease, or do low scores mean disease?")
    if not found[0].probabilities:
        notes.append("the scores are no probabilities: nothing is said at a threshold of 0.5, or of calibration")
    return notes


def plan(name: str, found: list[RunScores], models: list[str], settings: Settings, points: float) -> str:
    """The chance to show a difference of so many points with more runs and cases, what it rests on and what suffices.

    A table of RUNS and of the number of runs that suffices, with the cases that each needs for POWER.
    """
    known = power_of_runs(found, models, settings.design)
    if isinstance(known, Undefined):
        raise FoveateError(f"{name}: nothing can be planned from these runs: {known.reason}.")
    comparisons = known.models - 1
    alpha = verdict.ALPHA / comparisons
    goal = points / 100, POWER, alpha
    needed = {runs_each: known.cases_needed(points / 100, runs_each, POWER, alpha) for runs_each in RUNS}
    enough = known.runs_needed(points / 100, known.cases, POWER, alpha)
    both = None if enough else known.least_of_both(*goal)
    more = enough or (both[0] if both else None)
    if more is not None and more not in needed:
        needed[more] = known.cases_needed(points / 100, more, POWER, alpha)
    rows = []
    for runs_each in sorted(needed):
        chances = [known.power(points / 100, runs_each, times * known.cases, alpha) for times in TIMES]
        rows.append([str(runs_each), *(f"{100 * chance:.0f} %" for chance in chances), _cases(needed[runs_each])])
    head = ["runs", *(f"{times * known.cases:,} cases" for times in TIMES), "cases needed"]
    said = [_plan_words(name, known, comparisons, alpha, points, models), columns.aligned(head, rows)]
    return "\n".join([*said, _suffices(known.cases, needed, enough, both)])


def _cases(needed: int | None) -> str:
    """A number of cases; one beyond a million, which rests on the rough variances of few runs, in two digits."""
    if needed is None:
        return "none"
    return f"{needed:,}" if needed < 1_000_000 else f"{needed / 1_000_000:.2g} million"


def _suffices(cases: int, needed: dict[int, int | None], enough: int | None, both: tuple[int, int] | None) -> str:
    """Which of runs and cases is too few, and what would do."""
    never = [runs_each for runs_each, of in needed.items() if of is None]
    said = []
    if never:
        reach = f"{max(never)} runs" if len(never) == 1 else f"{max(never)} runs of each model or fewer"
        said.append(f"With {reach} no number of cases gives a chance of {GOAL}: the runs are too few.")
    if enough is not None:
        said.append(f"With the {cases:,} cases that there are, {enough:,} runs of each model give {GOAL}.")
        return " ".join(said)
    said.append(
        f"With the {cases:,} cases that there are, not even {MOST_RUNS:,} runs of each model give {GOAL}: the cases "
        "are too few."
    )
    if both is None:
        said.append(
            f"Nor do {MOST_RUNS:,} runs of each model and {_cases(MOST)} cases: "
            "this difference is too small for a study."
        )
    else:
        said.append(
            f"{both[0]:,} runs of each model and {_cases(both[1])} cases do: the fewest scores, runs times cases."
        )
    return " ".join(said)


def _plan_words(name: str, known: Power, comparisons: int, alpha: float, points: float, models: list[str]) -> str:
    step = f", Holm’s first step for {comparisons} comparisons" if comparisons > 1 else ""
    return (
        f"{name}: the chance to show a true difference of {points:g} points in mean AUC to {model_title(models[0])}, "
        f"two-sided at {alpha:.3g}{step}; {known.design} runs, cases of the same mix of classes and patients.\n"
        f"From the variance of {known.cases:,} cases: a run by itself {_points(known.run)} points (SD), a run and its "
        f"cases {_points(known.run_and_case)}, the cases alike for all runs of a model {_points(known.case)}. "
        "A few runs give such variances roughly: take the table as an order of magnitude. "
        f"Cases needed: for a chance of {GOAL}."
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
