"""The figures of heat-maps over images, drawn, and the files of OUT/figures. No torch, no pyplot."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from foveate import runs
from foveate.explanation import charts, score_charts
from foveate.explanation.captions import scale_ends
from foveate.explanation.charts import COLOURS, INK, MUTED, model_title
from foveate.explanation.overlays import CONTOUR, overlay
from foveate.explanation.panels import COLUMNS, Cell, Column, Panel, pair, panel, read_candidates
from foveate.runs import StudyFolder, Subject

FORMATS = {  # no dates: the same figure is the same bytes
    "png": None,
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
SHAPES = (0.6, 1.3)  # height over width of a cell: flatter or taller images leave some of it empty


def grid_figure(content: Panel) -> Figure:
    """The paper's figure 7: the images above, a row a model below."""
    side, label, gap, text, margin = 1.02, 0.92, 0.09, 0.45, 0.08  # inches
    tall = side * _shape([column.image for column in content.columns])
    width = label + COLUMNS * (side + gap) + margin  # six columns wide even where there are fewer images
    caption = textwrap.wrap(content.caption, width=154)
    head = 0.22
    height = head + (tall + gap) + len(content.models) * (tall + text) + 0.5 + 0.135 * len(caption)
    figure = Figure(figsize=(width, height))
    for number, column in enumerate(content.columns):
        left, top = label + number * (side + gap), height - head
        middle = (left + side / 2) / width
        figure.text(middle, (top + 0.06) / height, _short(column.truth, 18), ha="center", size=7.5)
        _show(_axes(figure, left, top - tall, side, tall), column.image, column.contour)
        top -= tall + gap
        for model in content.models:
            cell = column.cells[model]
            axes = _axes(figure, left, top - tall, side, tall)
            _show(axes, cell.picture, column.contour)
            _label(axes, cell, column.truth)
            top -= tall + text
    centre = height - head - tall / 2  # of the row of images
    figure.text((label - 0.08) / width, centre / height, "Image", ha="right", va="center")
    for number, model in enumerate(content.models):
        up = (centre - tall - gap - number * (tall + text)) / height
        name = model_title(model).replace(" + ", "\n+ ")
        figure.text((label - 0.08) / width, up, name, ha="right", va="center")
    clear, opaque = scale_ends(content.scale, content.from_zero)
    _scale(figure, 0.29 + 0.135 * len(caption), margin + 0.05, clear, opaque)
    figure.text(margin / width, 0.06 / height, "\n".join(caption), size=6.5, va="bottom", linespacing=1.35)
    return figure


def pair_figure(column: Column, baseline: str, other: str) -> Figure:
    """The paper's figure 1: image, baseline and one attention model, the same case."""
    side, gap, head, text = 2.1, 0.12, 0.28, 0.5
    tall = side * _shape([column.image])
    width, height = 3 * side + 4 * gap, head + tall + text
    figure = Figure(figsize=(width, height))
    for number, model in enumerate((None, baseline, other)):
        axes = _axes(figure, gap + number * (side + gap), text, side, tall)
        title = "Image" if model is None else model_title(model)
        _show(axes, column.image if model is None else column.cells[model].picture, column.contour)
        axes.set_title(title, size=9, pad=5, color=INK)
        if model is None:
            axes.text(0.5, -0.03, _short(column.truth, 30), transform=axes.transAxes, ha="center", va="top")
        else:
            _label(axes, column.cells[model], column.truth, size=8)
    return figure


def _shape(images: Sequence[NDArray[np.uint8]]) -> float:
    """Height over width of the cells that hold all of these images."""
    return float(np.clip(max(image.shape[0] / image.shape[1] for image in images), *SHAPES))


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def _show(axes: Axes, picture: NDArray[np.uint8], contour: NDArray[np.float64]) -> None:
    height, width = picture.shape[:2]
    factor = max(1, -(-200 // max(height, width)))  # small images are enlarged: print would show their pixels
    large = Image.fromarray(picture).resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(np.asarray(large), extent=extent, interpolation="none")
    for colour, thickness in (("black", 1.7), (CONTOUR, 0.8)):
        axes.add_collection(LineCollection(list(contour), colors=colour, linewidths=thickness, capstyle="round"))
    axes.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:], anchor="S")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _label(axes: Axes, cell: Cell, truth: str, size: float = 6.8) -> None:
    """Below a cell the map's values and the probability; a frame, a cross and the wrong class where it is wrong."""
    _write(axes, -3, cell.values, va="top", size=size - 0.6, color=MUTED)
    line = 1.35 * size
    _write(axes, -3 - line, f"P({_short(truth, 12)}) {100 * cell.probability:.1f} %", va="top", size=size)
    if cell.predicted != truth:
        _write(axes, -3 - 2 * line, f"✗ says {_short(cell.predicted, 14)}", va="top", size=size, weight="bold")
        for spine in axes.spines.values():
            spine.set(visible=True, color=COLOURS[2], linewidth=2)


def _write(axes: Axes, points: float, text: str, **look: Any) -> None:
    """Text in the middle of the lower edge, so many points above it."""
    axes.annotate(text, (0.5, 0), (0, points), "axes fraction", "offset points", ha="center", **look)


def _scale(figure: Figure, up: float, left: float, clear: str, opaque: str) -> None:
    """The colours as they look over white, between the words for their ends; `left` and `up` in inches."""
    across, high = figure.get_size_inches()
    words = figure.text(left / across, (up + 0.04) / high, clear, va="center", size=6.8)
    start = words.get_window_extent().x1 / figure.dpi + 0.06
    axes = _axes(figure, start, up, 1.6, 0.08)
    strip = overlay(np.full((1, 256, 3), 255, dtype=np.uint8), np.linspace(0, 1, 256)[None])
    axes.imshow(strip, aspect="auto", extent=(0, 1, 0, 1), interpolation="none")
    axes.set(xticks=[], yticks=[])
    figure.text((start + 1.66) / across, (up + 0.04) / high, opaque, va="center", size=6.8)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def draw_all(
    folder: StudyFolder,
    rules: Sequence[str] = ("random",),
    scale: str = "image",
    variant: str = "",
    cases: Sequence[str] = (),
) -> list[Path]:
    """Write each data set's grids, pair and charts, and the forest plot of all; those with runs.

    A grid a rule: <data set>-grid for images drawn at random, as the paper's figure 7, <data set>-grid-<rule> for the
    others; of another method's heat-maps <data set>-grid-<rule>-<variant>. Where a rule cannot rank (disagreement of
    one model), there is no grid. `cases`: <data set>-grid-chosen shows these, of the data set that has them. Raises
    UsageError for an unknown rule or scale, and for cases without heat-maps.
    """
    written = []
    differences = score_charts.differences(folder)
    if differences:
        with charts.style():
            forest = score_charts.forest_chart(differences, folder.study.baseline, folder.study.evaluation.confidence)
            written += save(forest, folder.figures, "forest")
    subjects = runs.subjects(folder.study)
    owners = [subject for subject in subjects if cases and set(cases) <= _evaluated(folder, subject)] or subjects[:1]
    for subject in subjects:
        chosen = cases if subject in owners else ()
        for name, draw in _drawings(folder, subject, rules, scale, variant, chosen).items():
            with charts.style():
                written += save(draw(), folder.figures, f"{subject.name}-{name}")
    return written


def _evaluated(folder: StudyFolder, subject: Subject) -> set[str]:
    candidates = read_candidates(folder, subject)
    return set(candidates.cases) if candidates else set()


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as name.png, .svg and .pdf, the same bytes for the same figure; inside charts.style()."""
    paths = [folder / f"{name}.{ending}" for ending in FORMATS]
    for path, metadata in zip(paths, FORMATS.values(), strict=True):
        # TrueType, so that a journal's software can edit the text of a PDF.
        with runs.writing(path, "wb") as file, mpl.rc_context({"pdf.fonttype": 42}):
            figure.savefig(file, format=path.suffix[1:], dpi=300, facecolor="white", metadata=metadata)
    return paths


def _drawings(
    folder: StudyFolder, subject: Subject, rules: Sequence[str], scale: str, variant: str, cases: Sequence[str] = ()
) -> dict[str, Callable[[], Figure]]:
    drawings: dict[str, Callable[[], Figure]] = {}
    for rule in rules:
        content = panel(folder, subject, rule, variant=variant, scale=scale)
        name = "-".join(["grid", *([rule] if variant or rule != "random" else []), *([variant] if variant else [])])
        if content:
            drawings[name] = partial(grid_figure, content)
    if cases:
        content = panel(folder, subject, variant=variant, scale=scale, cases=cases)
        if content:
            drawings["-".join(["grid-chosen", *([variant] if variant else [])])] = partial(grid_figure, content)
    content = panel(folder, subject)
    parts = pair(folder, subject, content) if content else None
    if parts:
        drawings["pair"] = partial(pair_figure, *parts)
    ended = charts.series(folder, subject)
    if ended:
        drawings |= {name: partial(draw, ended) for name, draw in score_charts.CHARTS.items()}
        drawings["curves"] = partial(charts.curves_figure, ended)
    return drawings
