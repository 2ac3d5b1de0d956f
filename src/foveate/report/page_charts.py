"""The page's charts: drawn as everywhere, put into the page as SVG with its colours."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from foveate.explanation import charts, score_charts
from foveate.explanation.charts import COLOURS, FAINT, INK, Scored, Series
from foveate.explanation.score_charts import Difference
from foveate.report import detail_tables
from foveate.runs import StudyFolder, Subject

# A chart's colours become the page's, which change between light and dark.
THEMED = {INK: "currentColor", FAINT: "var(--axis)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(COLOURS) if number
}


def overall_charts(folder: StudyFolder, tests: pd.DataFrame) -> dict[str, Any]:
    """What stands over all data sets: the forest plot, and the ranks."""
    found = score_charts.differences(folder)
    chart = None
    if found:
        with charts.style():
            confidence = folder.study.evaluation.confidence
            figure = score_charts.forest_chart(found, folder.study.baseline, confidence)
            chart = inline_svg(figure, "chart-all", "Each model's difference to the baseline on each data set.")
    return {"forest": chart, "ranks": detail_tables.finding_lines(tests[tests["dataset"] == ""])}


# Kind -> how it is drawn, its title, what it shows
_SCORES: dict[str, tuple[Callable[[Sequence[Scored]], Figure], str, str]] = {
    "runs": (
        charts.runs_chart,
        "AUC of every run",
        "The AUC of every run and each model's mean, as in the table.",
    ),
    "roc": (score_charts.roc_chart, "ROC", "Each model's mean ROC curve and the band between its runs."),
    "pr": (
        score_charts.precision_recall_chart,
        "Precision and recall",
        "Each model's mean precision at each sensitivity and the band between its runs.",
    ),
    "calibration": (
        score_charts.calibration_chart,
        "Calibration",
        "The share of diseased cases at each probability; on the diagonal a probability means what it says.",
    ),
}
_TRAINING: dict[str, tuple[Callable[[Sequence[Series]], Figure], str, str]] = {
    "loss": (
        charts.loss_chart,
        "Training loss",
        "The training loss over the epochs; the mean over runs is thick.",
    ),
    "auc": (
        charts.auc_chart,
        "AUC while training",
        "The validation AUC over the epochs; the mean is thick.",
    ),
}


def section_charts(folder: StudyFolder, subject: Subject, prefix: str, title: str) -> list[dict[str, Any]]:
    drawn = charts.series(folder, subject)
    if not drawn:
        return []
    own = [row for row in score_charts.differences(folder) if row.group == title]
    study = folder.study
    shown = scored_charts(drawn, own, study.baseline, study.evaluation.confidence, prefix)
    with charts.style():
        return shown + [_one(kind, draw(drawn), name, alt, prefix) for kind, (draw, name, alt) in _TRAINING.items()]


def scored_charts(
    drawn: Sequence[Scored],
    differences: Sequence[Difference],
    baseline: str,
    confidence: float,
    prefix: str,
    probabilities: bool = True,
) -> list[dict[str, Any]]:
    """What scores alone give; calibration only of probabilities."""
    kinds = {kind: of for kind, of in _SCORES.items() if probabilities or kind != "calibration"}
    with charts.style():
        shown = [_one(kind, draw(drawn), name, alt, prefix) for kind, (draw, name, alt) in kinds.items()]
        if differences:
            figure = score_charts.forest_chart(differences, baseline, confidence)
            alt = "Each model's difference to the baseline with its interval."
            shown.insert(1, _one("forest", figure, "Differences to the baseline", alt, prefix))
    return shown


def _one(kind: str, figure: Figure, title: str, alt: str, prefix: str) -> dict[str, Any]:
    return {"kind": kind, "title": title, "svg": inline_svg(figure, f"{prefix}-{kind}", alt)}


def inline_svg(figure: Figure, prefix: str, alt: str) -> Markup:
    """A chart as SVG for the page: unique ids, the page's colours, no fixed size, nothing but the drawing."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    opening = re.search(r"<svg[^>]*>", svg)
    box = re.search(r'viewBox="([^"]*)"', svg)
    assert opening is not None
    assert box is not None
    svg = svg[opening.end() :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    for colour, themed in THEMED.items():
        svg = svg.replace(colour, themed)
    start = Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box[1], alt)
    return start + Markup(svg)
