"""The figures: heat-maps over images, chosen by rule, and the files of OUT/figures. No torch, no pyplot."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from foveate import runs
from foveate.data.pack import Pack
from foveate.explanation import charts, heatmaps, score_charts
from foveate.explanation.charts import COLOURS, INK, model_title
from foveate.explanation.overlays import greyed, overlay
from foveate.runs import Run, StudyFolder, Subject

COLUMNS = 6  # images in the grid, as in the paper's figure 7
CONTOUR = "#00e5ff"  # far from every colour of inferno, from grey and from skin
BLANK = "no positive evidence"


@dataclass(frozen=True)
class Cell:
    """What one model says about one image."""

    picture: NDArray[np.uint8]  # (side, side, 3): image under heat-map; greyed where the map is blank
    probability: float  # of the true class, softmax of the logits
    predicted: str  # the class with the highest probability
    blank: bool  # the map is zero everywhere
    peak: str  # where it is highest: "upper left", "centre", ...


@dataclass(frozen=True)
class Column:
    """One image and what each model says about it."""

    case: str
    truth: str  # the true class
    image: NDArray[np.uint8]  # (side, side, 3)
    contour: NDArray[np.float64]  # (n, 2, 2) segments around the lesion, none where there is no mask
    cells: dict[str, Cell]  # by model's name


@dataclass(frozen=True)
class Panel:
    """The images of the grid, chosen by rule, with the heat-maps of every model that has them."""

    columns: tuple[Column, ...]
    models: tuple[str, ...]
    map_size: tuple[int, int]  # of the raw maps: height, width
    caption: str


def lesion_contour(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The border of a mask: (H, W) -> (n, 2, 2), (x, y) ends of segments; pixel centres are whole numbers."""
    padded = np.pad(np.asarray(mask, dtype=bool), 1)
    rows, columns = np.nonzero(padded[1:] != padded[:-1])  # borders between a pixel and the one below it
    level = np.stack([columns - 1.5, rows - 0.5, columns - 0.5, rows - 0.5], axis=-1)
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])
    upright = np.stack([columns - 0.5, rows - 1.5, columns - 0.5, rows - 0.5], axis=-1)
    return np.concatenate([level, upright]).reshape(-1, 2, 2)


def choose_cases(labels: Sequence[int], has_mask: Sequence[bool], count: int, seed: int) -> list[int]:
    """Rows to show, sorted by class: classes in turn, rows with a mask first, otherwise in a drawn order."""
    order = np.random.default_rng(seed).permutation(len(labels))
    queues = {label: [int(row) for row in order if labels[row] == label] for label in sorted(set(labels))}
    for queue in queues.values():
        queue.sort(key=lambda row: not has_mask[row])
    chosen: list[int] = []
    while len(chosen) < min(count, len(labels)):
        chosen += [queue.pop(0) for queue in queues.values() if queue]
    return sorted(chosen[:count], key=lambda row: labels[row])


def panel(folder: StudyFolder, subject: Subject) -> Panel | None:
    """The grid's content, from the heat-maps of repeat 1; None where there are none yet."""
    paths = {model: folder.run(Run(subject, model, 1)) / "heatmaps.npz" for model in folder.study.models}
    maps = {model: heatmaps.load(path) for model, path in paths.items() if path.is_file()}
    if not maps:
        return None
    pack = Pack(folder.data(subject) / "pack")
    rows = {model: {str(case): row for row, case in enumerate(of.case)} for model, of in maps.items()}
    cases = [case for case in next(iter(rows.values())) if all(case in known for known in rows.values())]
    labels = [pack.index.labels[pack.row[case]] for case in cases]
    contours = [_contour(pack, case) for case in cases]
    seed = runs.derive_seed(folder.study.seed, subject.dataset, subject.policy, "figure")
    columns = []
    for chosen in choose_cases(labels, [len(contour) > 0 for contour in contours], COLUMNS, seed):
        case, image = cases[chosen], pack.image(cases[chosen])
        cells = {model: _cell(image, of, rows[model][case], pack.index.classes) for model, of in maps.items()}
        columns.append(Column(case, pack.index.classes[labels[chosen]], image, contours[chosen], cells))
    height, width = next(iter(maps.values())).raw.shape[1:]
    caption = _caption(height, width, folder.study.seed, any(len(column.contour) for column in columns))
    return Panel(tuple(columns), tuple(maps), (height, width), caption)


def _contour(pack: Pack, case: str) -> NDArray[np.float64]:
    mask = pack.mask(case)
    return np.empty((0, 2, 2)) if mask is None else lesion_contour(mask)


def _cell(image: NDArray[np.uint8], maps: heatmaps.Heatmaps, row: int, classes: list[str]) -> Cell:
    heat = heatmaps.heat(maps.raw[row], *image.shape[:2])
    blank = not heat.any()
    share = np.exp(maps.logits[row].astype(np.float64) - maps.logits[row].max())
    share /= share.sum()
    picture = greyed(image) if blank else overlay(image, heat)
    return Cell(picture, float(share[maps.target[row]]), classes[int(share.argmax())], blank, _peak(heat))


def _peak(heat: NDArray[np.floating]) -> str:
    """Where a map is highest, in ninths of the image."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    level = ("upper", "middle", "lower")[3 * int(row) // heat.shape[0]]
    side = ("left", "centre", "right")[3 * int(column) // heat.shape[1]]
    return "centre" if (level, side) == ("middle", "centre") else f"{level} {side}"


def _caption(height: int, width: int, seed: int, with_mask: bool) -> str:
    contour = " The cyan line is the border of the lesion’s mask." if with_mask else ""
    return (
        f"Grad-CAM at the input of global average pooling ({height} × {width} values), for the logit of "
        "the true class, enlarged bilinearly. Negative values are cut off and each map is divided by its "
        "own maximum, so colours cannot be compared between maps. In an image without disease the map "
        "shows what speaks for that, and no place is the right one. P: softmax probability of the true "
        "class. ✗: wrong prediction. Grey without colour: a map that has no positive value "
        f"({BLANK}).{contour} Run 1 of each model. The images were chosen by rule, not by eye: from the "
        "validation part of run 1, the classes in turn, cases with a lesion mask first, otherwise in an "
        f"order drawn with the study’s seed ({seed})."
    )


def grid_figure(content: Panel) -> Figure:
    """The paper's figure 7: the images above, a row a model below."""
    side, label, gap, text, margin = 1.02, 0.92, 0.09, 0.34, 0.08  # inches
    width = label + COLUMNS * (side + gap) + margin  # six columns wide even where there are fewer images
    caption = textwrap.wrap(content.caption, width=154)
    head = 0.22
    height = head + (side + gap) + len(content.models) * (side + text) + 0.5 + 0.135 * len(caption)
    figure = Figure(figsize=(width, height))
    for number, column in enumerate(content.columns):
        left, top = label + number * (side + gap), height - head
        middle = (left + side / 2) / width
        figure.text(middle, (top + 0.06) / height, _short(column.truth, 18), ha="center", size=7.5)
        _show(_axes(figure, left, top - side, side, side), column.image, column.contour)
        top -= side + gap
        for model in content.models:
            cell = column.cells[model]
            axes = _axes(figure, left, top - side, side, side)
            _show(axes, cell.picture, column.contour)
            _label(axes, cell, column.truth)
            top -= side + text
    centre = height - head - side / 2  # of the row of images
    figure.text((label - 0.08) / width, centre / height, "Image", ha="right", va="center")
    for number, model in enumerate(content.models):
        up = (centre - side - gap - number * (side + text)) / height
        name = model_title(model).replace(" + ", "\n+ ")
        figure.text((label - 0.08) / width, up, name, ha="right", va="center")
    _scale(figure, _axes(figure, label, 0.29 + 0.135 * len(caption), 1.6, 0.08))
    figure.text(margin / width, 0.06 / height, "\n".join(caption), size=6.5, va="bottom", linespacing=1.35)
    return figure


def pair_figure(column: Column, baseline: str, other: str) -> Figure:
    """The paper's figure 1: image, baseline and one attention model, the same case."""
    side, gap, head, text = 2.1, 0.12, 0.28, 0.38
    width, height = 3 * side + 4 * gap, head + side + text
    figure = Figure(figsize=(width, height))
    for number, model in enumerate((None, baseline, other)):
        axes = _axes(figure, gap + number * (side + gap), text, side, side)
        title = "Image" if model is None else model_title(model)
        _show(axes, column.image if model is None else column.cells[model].picture, column.contour)
        axes.set_title(title, size=9, pad=5, color=INK)
        if model is None:
            axes.text(0.5, -0.03, _short(column.truth, 30), transform=axes.transAxes, ha="center", va="top")
        else:
            _label(axes, column.cells[model], column.truth, size=8)
    return figure


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def _show(axes: Axes, picture: NDArray[np.uint8], contour: NDArray[np.float64]) -> None:
    height, width = picture.shape[:2]
    factor = max(1, -(-200 // height))  # small images are enlarged: print would show their pixels
    large = Image.fromarray(picture).resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(np.asarray(large), extent=extent, interpolation="none")
    for colour, thickness in (("black", 1.7), (CONTOUR, 0.8)):
        axes.add_collection(LineCollection(list(contour), colors=colour, linewidths=thickness, capstyle="round"))
    axes.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _label(axes: Axes, cell: Cell, truth: str, size: float = 6.8) -> None:
    """The probability below a cell; a frame, a cross and the wrong class's name where it is wrong."""
    _write(axes, -3, f"P({_short(truth, 12)}) {100 * cell.probability:.1f} %", va="top", size=size)
    if cell.predicted != truth:
        _write(axes, -3 - 1.35 * size, f"✗ says {_short(cell.predicted, 14)}", va="top", size=size, weight="bold")
        for spine in axes.spines.values():
            spine.set(visible=True, color=COLOURS[2], linewidth=2)
    if cell.blank:
        strip = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1.5}
        _write(axes, 4, BLANK, size=size - 0.6, bbox=strip)


def _write(axes: Axes, points: float, text: str, **look: Any) -> None:
    """Text in the middle of the lower edge, so many points above it."""
    axes.annotate(text, (0.5, 0), (0, points), "axes fraction", "offset points", ha="center", **look)


def _scale(figure: Figure, axes: Axes) -> None:
    """The colours from 0 to 1 as they look over white."""
    strip = overlay(np.full((1, 256, 3), 255, dtype=np.uint8), np.linspace(0, 1, 256)[None])
    axes.imshow(strip, aspect="auto", extent=(0, 1, 0, 1), interpolation="none")
    axes.set(xticks=[], yticks=[])
    for place, text, align in ((-0.03, "0", "right"), (1.03, "1 = the map’s own maximum", "left")):
        axes.text(place, 0.5, text, transform=axes.transAxes, ha=align, va="center", size=6.8)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def pair(folder: StudyFolder, subject: Subject, content: Panel) -> tuple[Column, str, str] | None:
    """Figure 1's column, baseline, and the attention model with the highest mean AUC; None before they ran.

    The case is the grid's first of the positive class.
    """
    baseline = folder.study.baseline
    means = {of.model: of.mean_auc for of in charts.series(folder, subject) if of.model in content.models}
    others = [model for model, mean in means.items() if model != baseline and mean == mean]
    if baseline not in content.models or not others:
        return None
    positive = content.columns[-1].truth  # columns are sorted by class, and the positive class is the last
    column = next(column for column in content.columns if column.truth == positive)
    return column, baseline, max(others, key=means.__getitem__)


def draw_all(folder: StudyFolder) -> list[Path]:
    """Write each data set's grid, pair and charts, and the forest plot of all, as PNG and SVG; those with runs."""
    written = []
    differences = score_charts.differences(folder)
    if differences:
        with charts.style():
            forest = score_charts.forest_chart(differences, folder.study.baseline, folder.study.evaluation.confidence)
            written += save(forest, folder.figures, "forest")
    for subject in runs.subjects(folder.study):
        for name, draw in _drawings(folder, subject).items():
            with charts.style():
                written += save(draw(), folder.figures, f"{subject.name}-{name}")
    return written


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as name.png and name.svg, the same bytes for the same figure; inside charts.style()."""
    paths = [folder / f"{name}.{ending}" for ending in ("png", "svg")]
    for path in paths:
        metadata = {"Date": None} if path.suffix == ".svg" else None
        with runs.writing(path, "wb") as file:
            figure.savefig(file, format=path.suffix[1:], dpi=300, facecolor="white", metadata=metadata)
    return paths


def _drawings(folder: StudyFolder, subject: Subject) -> dict[str, Callable[[], Figure]]:
    drawings: dict[str, Callable[[], Figure]] = {}
    content = panel(folder, subject)
    if content:
        drawings["grid"] = partial(grid_figure, content)
        parts = pair(folder, subject, content)
        if parts:
            drawings["pair"] = partial(pair_figure, *parts)
    ended = charts.series(folder, subject)
    if ended:
        drawings |= {name: partial(draw, ended) for name, draw in score_charts.CHARTS.items()}
        drawings["curves"] = partial(charts.curves_figure, ended)
    return drawings
