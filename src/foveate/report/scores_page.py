"""Figures and page of scores that were given in a table: a study's, with what scores alone can tell. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from foveate import runs
from foveate.evaluation.compare import Compared, Settings
from foveate.evaluation.results import Undefined
from foveate.evaluation.scores import RunScores
from foveate.explanation import charts, figures, score_charts
from foveate.explanation.charts import Given, model_title
from foveate.report import detail_tables, verdict, words
from foveate.report.html import asset, rendered
from foveate.report.page_charts import scored_charts
from foveate.report.tables import ModelResult

PAGE = Path("report") / "index.html"


@dataclass(frozen=True)
class Scoring:
    """Runs of a table, and what was found of them."""

    title: str
    found: Sequence[RunScores]  # all of the same cases
    models: Sequence[str]  # the baseline first
    diseased: str  # the label
    settings: Settings
    compared: Compared
    rows: Sequence[ModelResult]
    tables: dict[str, pd.DataFrame]  # results, comparison and tests, as they are read from their files
    notes: Sequence[str]  # what a reader must know, as sentences

    @property
    def probabilities(self) -> bool:
        return all(run.probabilities for run in self.found)


def write(scoring: Scoring, out: Path) -> Path:
    """Write OUT/figures/* and OUT/report/index.html; the page's path."""
    drawn = _drawn(scoring)
    differences = score_charts.differences_of(scoring.tables["comparison"], scoring.models, scoring.title)
    baseline, confidence = scoring.models[0], scoring.settings.confidence
    with charts.style():
        figures.save(charts.runs_chart(drawn), out / "figures", f"{scoring.title}-runs")
        for name, draw in score_charts.CHARTS.items():
            if name != "calibration" or scoring.probabilities:
                figures.save(draw(drawn), out / "figures", f"{scoring.title}-{name}")
        if differences:
            figures.save(score_charts.forest_chart(differences, baseline, confidence), out / "figures", "forest")
    shown = scored_charts(drawn, differences, baseline, confidence, "chart-1", scoring.probabilities)
    runs.write_text(out / PAGE, rendered("scores.html.j2", _page(scoring, shown)))
    return out / PAGE


def _drawn(scoring: Scoring) -> list[Given]:
    found = []
    for number, row in enumerate(scoring.compared.models):
        own = [run for run in scoring.found if run.model == row.model]
        aucs = tuple(float("nan") if isinstance(value, Undefined) else value for value in row.aucs.values())
        found.append(Given(row.model, *charts.look(number), tuple((run.labels, run.scores) for run in own), aucs))
    return found


def _page(scoring: Scoring, shown: list[dict[str, Any]]) -> dict[str, Any]:
    rows, models = scoring.rows, [model_title(model) for model in scoring.models]
    cases, confidence = len(scoring.found[0].cases), scoring.settings.confidence
    several = len(models) > 1
    return {
        "study": {
            "name": scoring.title,
            "question": f"How well {'do these models tell' if several else 'does this model tell'} the classes apart?",
            "repeats": max(row.runs for row in rows),
        },
        "answer": words.answer(scoring.title, rows),
        "chance": verdict.verdict({scoring.title: rows}) if several else "",
        "missing": [],
        "models": models,
        "cases": cases,
        "noun": "cases",
        "probabilities": scoring.probabilities,
        "confidence": f"{100 * confidence:g} %",
        "section": {
            "id": "scores",
            "title": scoring.title,
            "facts": _facts(scoring),
            "rows": rows,
            "repeats": sorted({run.repeat for run in scoring.found}),
            "published": None,
            "method": next((row.method for row in rows[1:] if row.p is not None), ""),
            "quotes": verdict.quotes(scoring.title, rows, cases, confidence, "cases"),
            "tests": detail_tables.finding_lines(scoring.tables["tests"]),
            "measures": detail_tables.measure_lines(scoring.tables["results"], scoring.models),
            "models": models,
            "charts": shown,
        },
        "css": asset("report.css"),
        "script": asset("report.js"),
    }


def _facts(scoring: Scoring) -> list[str]:
    """What was given, as sentences."""
    first = scoring.found[0]
    diseased = int(first.labels.sum())
    facts = [
        f"{words.sentence(words.amount(len(first.cases), 'case'))}, of which {diseased:,} are diseased "
        f"(label {scoring.diseased}).",
        f"{words.sentence(words.counted(len(scoring.models), 'model'))} with "
        f"{words.amount(len(scoring.found), 'run')} in all.",
    ]
    if first.patients is None:
        facts.append("Which cases belong to one patient is not known: each counts by itself.")
    else:
        facts.append(f"The cases are of {words.amount(len(set(first.patients.tolist())), 'patient')}.")
    return facts + [words.sentence(note) + ("" if note.endswith("?") else ".") for note in scoring.notes]
