"""What the scores are worth, as charts: ROC, precision-recall, calibration, differences to the baseline. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from foveate import runs
from foveate.explanation import charts
from foveate.explanation.charts import FAINT, INK, WIDTH, Scored, Scores, chart, look
from foveate.runs import StudyFolder

Floats = NDArray[np.float64]
GRID = np.linspace(0, 1, 401)
_NUMBERS = ("delta", "ci_low", "ci_high")  # of comparison.csv
BINS = 8  # of the calibration chart, of equal numbers of cases


@dataclass(frozen=True)
class Difference:
    """One line of a forest plot: a model's mean AUC less the baseline's, in points; no interval where there is none."""

    group: str  # the data set
    model: str
    delta: float
    interval: tuple[float, float] | None
    colour: str
    marker: str


def roc_chart(drawn: Sequence[Scored]) -> Figure:
    """Each model's mean ROC curve and the band between its runs, with the mean AUC in the legend."""
    figure, axes = chart(drawn)
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.8, linestyle=(0, (1, 3)))
    for of in drawn:
        label = f"{charts.label(of.model)}: {'mean ' if len(of.aucs) > 1 else ''}AUC {of.mean_auc:.2f} %"
        _band(axes, of, GRID, [_roc(scores) for scores in of.scores], label)
    axes.set(xlabel="false positive rate (%)", ylabel="true positive rate (%)", xlim=(-1, 100), ylim=(0, 101))
    axes.set_aspect("equal")
    figure.legend(loc="outside lower center")
    return figure


def precision_recall_chart(drawn: Sequence[Scored]) -> Figure:
    """Each model's mean precision at each sensitivity, with the band between its runs and the chance level."""
    figure, axes = chart(drawn)
    shares = [scores[0].mean() for of in drawn for scores in of.scores]
    if shares:
        axes.axhline(100 * float(np.mean(shares)), color=FAINT, linewidth=0.8, linestyle=(0, (1, 3)))
    recall = GRID[1:]
    for of in drawn:
        _band(axes, of, recall, [_precision(scores, recall) for scores in of.scores], charts.label(of.model))
    axes.set(xlabel="recall = sensitivity (%)", ylabel="precision = PPV (%)", xlim=(0, 101), ylim=(0, 101))
    axes.set_aspect("equal")
    figure.legend(loc="outside lower center")
    return figure


def calibration_chart(drawn: Sequence[Scored]) -> Figure:
    """Share of diseased cases against probability, over all runs of a model; on the diagonal, it means what it says."""
    figure, axes = chart(drawn)
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.8, linestyle=(0, (1, 3)))
    for of in drawn:
        scores, observed, predicted = of.scores, np.empty(0), np.empty(0)
        if scores:
            positive, probability = (np.concatenate(parts) for parts in zip(*scores, strict=True))
            observed, predicted = calibration_curve(positive, probability, n_bins=BINS, strategy="quantile")
        axes.plot(
            100 * predicted, 100 * observed, color=of.colour, linestyle=of.dashes, linewidth=1.2, marker=of.marker,
            markersize=4, label=charts.label(of.model),
        )  # fmt: skip
    axes.set(xlabel="probability of disease (%)", ylabel="diseased cases (%)", xlim=(-2, 102), ylim=(-2, 102))
    axes.set_aspect("equal")
    figure.legend(loc="outside lower center")
    return figure


def forest_chart(differences: Sequence[Difference], baseline: str, confidence: float = 0.95) -> Figure:
    """Each model's difference to the baseline with its interval, data set by data set."""
    groups = list(dict.fromkeys(row.group for row in differences))
    figure = Figure(figsize=(WIDTH + 0.6, 0.8 + 0.27 * (len(differences) + len(groups))), layout="constrained")
    axes = figure.add_subplot()
    ticks, place = [], 0.0
    for group in groups:
        if len(groups) > 1:
            ticks.append((place, group))
            place += 1
        for row in (row for row in differences if row.group == group):
            if row.interval is not None:
                axes.plot(row.interval, [place, place], color=row.colour, linewidth=1.4)
            axes.plot([row.delta], [place], row.marker, color=row.colour, markersize=5)
            ticks.append((place, charts.label(row.model)))
            place += 1
        place += 0.4
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
    for label in axes.get_yticklabels():
        if len(groups) > 1 and label.get_text() in groups:
            label.set_fontweight("bold")
    axes.set(ylim=(place - 0.7, -0.7), xlabel=f"mean AUC less that of {charts.label(baseline)} (points)")
    axes.set_title(
        f"better to the right; line: {100 * confidence:g} % interval of one difference", fontsize=7, loc="right"
    )
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, linewidth=0.4, alpha=0.6)
    axes.spines["left"].set_visible(False)
    return figure


def differences(folder: StudyFolder) -> list[Difference]:
    """What comparison.csv says of every model but the baseline, in the study's order; none before it is there."""
    file, study = folder.path / "comparison.csv", folder.study
    if not file.is_file():
        return []
    empty = dict.fromkeys(_NUMBERS, "")
    names = dict.fromkeys(("dataset", "policy", "model"), str)
    table = pd.read_csv(file, dtype=names, keep_default_na=False, na_values=empty)
    found = []
    for subject in runs.subjects(study):
        here = table[(table["dataset"] == subject.dataset) & (table["policy"] == subject.policy)]
        title = study.datasets[subject.dataset].title or subject.dataset
        group = f"{title} ({subject.policy} split)" if len(study.policies) > 1 else title
        found += differences_of(here, list(study.models), group)
    return found


def differences_of(comparison: pd.DataFrame, models: Sequence[str], group: str) -> list[Difference]:
    """The same of one data set's rows of comparison.csv."""
    here, found = comparison.set_index("model")[list(_NUMBERS)], []
    for number, model in enumerate(models):
        if model not in here.index:
            continue
        delta, low, high = 100 * here.loc[model].to_numpy(dtype=np.float64)
        if not np.isnan(delta):
            interval = None if np.isnan(low) or np.isnan(high) else (float(low), float(high))
            colour, _, marker = look(number)
            found.append(Difference(group, model, float(delta), interval, colour, marker))
    return found


def _band(axes: Axes, of: Scored, grid: Floats, curves: Sequence[Floats], label: str) -> None:
    """The mean of the curves, and the area between the lowest and the highest; a label alone where there is none."""
    if not curves:
        axes.plot([], [], color=of.colour, linestyle=of.dashes, label=label)
        return
    values = 100 * np.array(curves)
    if len(curves) > 1:
        axes.fill_between(100 * grid, values.min(0), values.max(0), color=of.colour, alpha=0.15, linewidth=0)
    axes.plot(100 * grid, values.mean(0), color=of.colour, linestyle=of.dashes, linewidth=1.3, label=label)


def _roc(scores: Scores) -> Floats:
    false, true, _ = roc_curve(*scores, drop_intermediate=False)
    return np.asarray(np.interp(GRID + 1e-9, false, true))  # at a vertical step, its upper end


def _precision(scores: Scores, recall: Floats) -> Floats:
    """Precision at the strictest threshold that reaches each recall."""
    precision, reached, _ = precision_recall_curve(*scores)  # recall falls from 1 to 0
    return np.asarray(precision[::-1][np.searchsorted(reached[::-1], recall - 1e-9)])


CHARTS: dict[str, Callable[[Sequence[Scored]], Figure]] = {
    "roc": roc_chart,
    "precision-recall": precision_recall_chart,
    "calibration": calibration_chart,
}
