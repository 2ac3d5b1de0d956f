"""How far heat-maps can be trusted, as charts: faithfulness, sanity and repeatability. No torch, no pyplot."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foveate.explanation.charts import FAINT, look, model_title
from foveate.explanation.repeatability import REPEATS

PANELS = {  # metric of the mean curves -> title, what the horizontal axis counts
    "deletion": ("Deletion to the mean colour: lower is better", "hottest pixels taken away (%)"),
    "deletion_blur": ("Deletion to the blurred image: lower is better", "hottest pixels blurred (%)"),
    "insertion": ("Insertion into the blurred image: higher is better", "hottest pixels given back (%)"),
    "insertion_mean": ("Insertion into the mean colour: higher is better", "hottest pixels given back (%)"),
    "road_most": ("ROAD, most relevant first: lower is better", "hottest pixels made up (%)"),
    "road_least": ("ROAD, least relevant first: higher is better", "coolest pixels made up (%)"),
}
CONTROLS = {"random": ("random order", (0, (1, 2))), "centre": ("centre first", (0, (5, 2)))}
MODES = {"cascading": "From the head down to this layer", "independent": "This layer alone"}
DARK = "#1b1b1b"  # on a bright square, in a dark page too
SHADES = "cividis"  # readable in grey print and without red or green

Floats = NDArray[np.float64]


def faithfulness_chart(curves: pd.DataFrame, models: Sequence[str]) -> Figure:
    """The mean curve of each model over its runs, the band between them, and the controls' mean over all runs.

    `curves`: the mean curves of one data set (`Faithfulness.curves`); `models`: the study's, in its order.
    """
    metrics = [metric for metric in PANELS if (curves["metric"] == metric).any()]
    rows = max(1, (len(metrics) + 1) // 2)
    figure = Figure(figsize=(7.2, 0.7 + 2.5 * rows), layout="constrained")
    places = figure.subplots(rows, 2, squeeze=False, sharey=True).ravel()
    for axes, metric in zip(places, metrics, strict=False):
        own = curves[curves["metric"] == metric]
        for number, model in enumerate(models):
            colour, dashes, marker = look(number)
            found = _by_run(own[(own["model"] == model) & (own["order"] == "heat")], "fraction", "probability")
            if found is not None:
                sparse = marker if len(found[0]) < 8 else None
                _line(axes, *found, colour, dashes, sparse, model_title(model))
        for control, (title, dashes) in CONTROLS.items():
            found = _by_run(own[own["order"] == control], "fraction", "probability")
            if found is not None:
                mean = 100 * found[1].mean(0)
                axes.plot(100 * found[0], mean, color=FAINT, linestyle=dashes, linewidth=1.2, label=title)
        axes.set_title(PANELS[metric][0], fontsize=8, loc="left")
        axes.set(xlabel=PANELS[metric][1], xlim=(0, 100), ylim=(0, 101))
    for axes in places[::2]:
        axes.set_ylabel("probability of the true class (%)")
    for axes in places[len(metrics) :]:
        axes.set_axis_off()
    _legend(figure, places[0])
    return figure


def sanity_chart(table: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Rank correlation with the trained network's maps against the layer that lost its weights; 0 is what is hoped for.

    `table`: the rows of one data set of `sanity_of_study`; layers from the head down.
    """
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    places = figure.subplots(1, 2, sharey=True)
    order = layer_order([list(dict.fromkeys(own["layer"])) for _, own in table.groupby("model", sort=False)])
    for axes, (mode, title) in zip(places, MODES.items(), strict=True):
        own = table[table["mode"] == mode].assign(place=lambda rows: rows["layer"].map(order.index))
        for number, model in enumerate(models):
            found = _by_run(own[own["model"] == model], "place", "correlation")
            if found is None:
                continue
            colour, dashes, marker = look(number)
            where, values = np.r_[-1.0, found[0]], np.c_[np.ones(len(found[1])), found[1]]
            _line(axes, where, values, colour, dashes, marker, model_title(model), factor=1)
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.set_xticks(range(-1, len(order)), ["trained", *order], rotation=60, ha="right", rotation_mode="anchor")
        axes.set_title(title, fontsize=8, loc="left")
        axes.set(ylim=(min(-0.3, *axes.get_ylim()), 1.03), xlabel="layer with random weights")
    places[0].set_ylabel("rank correlation with the trained map")
    _legend(figure, places[0])
    return figure


def repeatability_chart(table: pd.DataFrame, models: Sequence[str], coefficient: str = "pearson") -> Figure:
    """A square a pair of models: the mean correlation of their maps; on the diagonal, that between runs of one model.

    `table`: the rows of one data set of `repeatability`. Under a number stands its interval.
    """
    own = table[table["coefficient"] == coefficient]
    shown = [model for model in models if ((own["model"] == model) | (own["other"] == model)).any()]
    count = len(shown)
    values, words = np.full((count, count), np.nan), np.full((count, count), "", dtype=object)
    for row in own.to_dict("records"):
        if row["model"] not in shown or row["other"] not in shown:
            continue
        one, other = sorted((shown.index(row["model"]), shown.index(row["other"])))
        values[other, one] = row["correlation"]
        words[other, one] = _words(row["correlation"], row["ci_low"], row["ci_high"], row["kind"] == REPEATS)
    side = 0.78 * max(count, 2)
    figure = Figure(figsize=(side + 3.0, side + 1.7), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(values, cmap=SHADES, vmin=0, vmax=1)
    for (row_, column), text in np.ndenumerate(words):
        if text:
            shade = mpl.colormaps[SHADES](float(np.clip(np.nan_to_num(values[row_, column], nan=1.0), 0, 1)))
            dark = float(np.dot(shade[:3], (0.299, 0.587, 0.114))) < 0.5 and not np.isnan(values[row_, column])
            bold = "bold" if row_ == column else "normal"
            axes.text(
                column, row_, text, ha="center", va="center", fontsize=6.5, color="white" if dark else DARK, weight=bold
            )
    titles = [model_title(model) for model in shown]
    axes.set_xticks(range(count), titles, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), titles)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(count - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(count - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    scale = figure.colorbar(picture, ax=axes, fraction=0.05, pad=0.02, extend="min")
    scale.outline.set_visible(False)
    scale.set_label(f"{coefficient.capitalize()} correlation of the raw maps")
    others = float(own["other_cases"].mean())
    diagonal = "Diagonal: between runs of one model."
    control = "" if np.isnan(others) else f" Maps of different images: {others:.2f}."
    figure.supxlabel(diagonal + control, fontsize=7)
    return figure


def layer_order(lists: Sequence[Sequence[str]]) -> list[str]:
    """One order of the layers of several networks: each behind the one that it follows in its own."""
    merged: list[str] = []
    for own in lists:
        for place, layer in enumerate(own):
            if layer not in merged:
                before = merged.index(own[place - 1]) + 1 if place else 0
                merged.insert(before, layer)
    return merged


def _by_run(rows: pd.DataFrame, at: str, value: str) -> tuple[Floats, Floats] | None:
    """Where (points,) and a line a run (runs, points); None where there is no row."""
    if rows.empty:
        return None
    table = rows.pivot_table(index=["model", "repeat"], columns=at, values=value, dropna=False)
    return np.asarray(table.columns, dtype=np.float64), table.to_numpy(dtype=np.float64)


def _line(
    axes: Axes,
    at: Floats,
    values: Floats,
    colour: str,
    dashes: object,
    marker: str | None,
    label: str,
    factor: int = 100,
) -> None:
    """The mean over the runs, and the band between the lowest and the highest; of percentages, at and values."""
    at, values = factor * at, factor * values
    if len(values) > 1:
        axes.fill_between(at, values.min(0), values.max(0), color=colour, alpha=0.13, linewidth=0)
    axes.plot(
        at, values.mean(0), color=colour, linestyle=dashes, linewidth=1.3, marker=marker, markersize=3.5, label=label
    )


def _legend(figure: Figure, axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(3, max(1, len(names))))


def _words(value: float, low: float, high: float, repeats: bool) -> str:
    if np.isnan(value):
        return "one\nrun" if repeats else "–"
    interval = "" if np.isnan(low) else f"\n{low:.2f} to {high:.2f}"
    return f"{value:.2f}{interval}"
