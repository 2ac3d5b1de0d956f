"""What the page says of a reader study, once it is unblinded; before that, nothing."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from foveate import runs
from foveate.errors import FoveateError
from foveate.evaluation.results import Estimate
from foveate.explanation import charts
from foveate.explanation.charts import FAINT, INK, look, model_title
from foveate.reading import results
from foveate.reading.analysis import Analysis
from foveate.reading.result_tables import ResultTable, headline, tables
from foveate.reading.results import DatasetResults
from foveate.report.page_charts import inline_svg
from foveate.runs import StudyFolder

LONG = 12  # rows of the paper's table beyond which it folds
OPEN = 5  # tables that stand open, that one among them
NARROW = 26  # signs in a cell, up to which it stays on one line


def readings(folder: StudyFolder) -> dict[str, DatasetResults]:
    """The unblinded results by the data set's name in files; none while a study is blind or where there is none.

    Raises FoveateError where they cannot be read, or are another study's.
    """
    place = folder.path / "reading"
    if not results.exists(place):
        return {}
    found = {of.name: of for of in results.read(place)[1]}
    known = {subject.name for subject in runs.subjects(folder.study)}
    if strange := sorted(set(found) - known):
        raise FoveateError(
            f"{place / results.FOLDER / results.HEAD}: data set {strange[0]!r} is not of this study, which has "
            f"{', '.join(sorted(known))}: put the results into the folder of their own study."
        )
    return found


def reading_section(of: DatasetResults, models: list[str], prefix: str) -> dict[str, Any]:
    """What the template needs of one data set's readers; `models` in the study's order, which gives their colours."""
    found = results.analysed(of)
    paper, *others = tables(of, found)
    long = len(paper.rows) > LONG
    choices = (f"Every choice with its description ({len(paper.rows)})", [paper])
    more = ("Strengths, scores, ratings, letters, time, readers", others[OPEN - 1 :])
    return {
        "headline": headline(of, found),
        "notes": found.notes,
        "shown": [_laid_out(table) for table in ([] if long else [paper]) + others[: OPEN - 1]],
        "folded": [
            (summary, [_laid_out(table) for table in folded])
            for summary, folded in ([choices] if long else []) + [more]
        ],
        "chart": _chart(found, models, f"{prefix}-readers"),
        "setting": _setting(of),
    }


def _laid_out(table: ResultTable) -> dict[str, Any]:
    """A table with a class for each column: number, short, or "" for what is broken into lines."""
    widest = [max(map(len, column), default=0) for column in zip(*table.rows, strict=True)] or [0] * len(table.columns)
    kinds = [
        "number" if column in table.numbers else "short" if wide <= NARROW else ""
        for column, wide in zip(table.columns, widest, strict=True)
    ]
    return {
        "title": table.title,
        "note": table.note,
        "columns": list(zip(table.columns, kinds, strict=True)),
        "rows": [list(zip(row, kinds, strict=True)) for row in table.rows],
    }


def _setting(of: DatasetResults) -> str:
    """How the cases were shown, in a sentence."""
    maps = "heat-maps of all runs in turn" if of.repeat == "all" else f"the heat-maps of run {of.repeat}"
    truth = "was shown" if of.show_truth else "was not shown"
    return (
        f"Readers saw each image with {maps} side by side, one of each model, under letters drawn anew for every "
        f"reader and case; which model is which was hidden until all answers were locked. The image’s class {truth}."
    )


def _chart(found: Analysis, models: list[str], prefix: str) -> Markup | None:
    wins = {of.model: of.share for of in found.preference.wins if isinstance(of.share, Estimate)}
    drawn = [model for model in models if model in wins]
    if not drawn:
        return None
    with charts.style():
        figure = Figure(figsize=(charts.WIDTH * 1.4, 0.7 + 0.32 * len(drawn)), layout="constrained")
        axes = figure.add_subplot()
        for number, model in enumerate(drawn):
            share, interval = wins[model].estimate, wins[model].interval
            axes.barh(number, 100 * share, height=0.62, color=look(models.index(model))[0], alpha=0.55)
            if isinstance(interval, tuple):
                axes.plot([100 * end for end in interval], [number] * 2, color=INK, linewidth=1.1)
        axes.axvline(100 / len(drawn), color=FAINT, linewidth=1, linestyle=(0, (3, 2)))
        axes.set_yticks(range(len(drawn)), [model_title(model) for model in drawn])
        axes.set(ylim=(len(drawn) - 0.5, -0.5), xlim=(0, 100), xlabel="share of choices (%); line: 95 % interval")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        alt = "How often each model was chosen, as in the table; the dashed line is an even choice."
        return inline_svg(figure, prefix, alt)
