"""The attention maps of a model beside its Grad-CAM, laid on the images. No torch, no pyplot."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foveate.explanation import display_range
from foveate.explanation.charts import COLOURS, INK, model_title
from foveate.explanation.display_range import FLAT
from foveate.explanation.overlays import CONTOUR, overlay
from foveate.explanation.panels import Column, Panel

IMAGES = 4  # rows of the figure
CAPTION = (
    "What the last attention block of each stage computes, beside Grad-CAM for the true class. Maps over positions "
    "are laid on the image, from their lowest value (clear) to their highest (opaque yellow); the two values stand "
    f"below. Flat: they lie within {100 * FLAT:g} % of each other, so no place stands out, and the plain image is "
    "shown. Grad-CAM is drawn from 0. Blocks that weight channels alone have no place in the image: their gates are "
    "drawn by channel. An affinity is that of the position marked by a cross. An attention map says how features are "
    "weighted inside the network, not what the decision rests on."
)


@dataclass(frozen=True)
class Drawn:
    """One block's maps, ready to be drawn: over positions or over channels, the other one None."""

    kind: str
    positions: NDArray[np.float32] | None  # (n, h, w)
    channels: NDArray[np.float32] | None  # (n, C)


def choose(panel: Panel) -> list[int]:
    """Columns of the grid to draw: as many of its first class as of its last."""
    count = len(panel.columns)
    half = min(IMAGES, count) // 2
    return sorted({*range(half), *range(count - min(IMAGES, count) + half, count)})


def attention_figure(panel: Panel, columns: list[int], model: str, blocks: dict[str, Drawn]) -> Figure:
    """A row an image: the image, its Grad-CAM, and a picture a block. `blocks`: by place, maps in `columns`' order."""
    side, gap, text, left = 1.25, 0.1, 0.34, 0.85
    caption = textwrap.wrap(CAPTION, width=28 * (2 + len(blocks)))
    width = left + (2 + len(blocks)) * (side + gap)
    titles = [
        "image",
        "Grad-CAM",
        *(_wrapped(f"{place.replace('.attention', '')}\n{drawn.kind}") for place, drawn in blocks.items()),
    ]
    head = 0.38 + 0.12 * max(1 + title.count("\n") for title in titles)
    height = head + len(columns) * (side + text) + 0.25 + 0.15 * len(caption)
    figure = Figure(figsize=(width, height))
    figure.text(0.1 / width, 1 - 0.2 / height, model_title(model), color=INK, fontsize=10, weight="bold", va="center")
    for number, title in enumerate(titles):
        x = left + number * (side + gap) + side / 2
        figure.text(x / width, 1 - (head - 0.08) / height, title, ha="center", va="bottom", fontsize=7, color=INK)
    for row, chosen in enumerate(columns):
        column = panel.columns[chosen]
        top = height - head - row * (side + text)
        figure.text(0.1 / width, (top - side / 2) / height, column.truth, fontsize=8, va="center", color=INK)

        places = []
        for number in range(2 + len(blocks)):
            x, y = left + number * (side + gap), top - side
            places.append(figure.add_axes((x / width, y / height, side / width, side / height)))
            places[-1].set(xticks=[], yticks=[])
        places[0].imshow(column.image)
        places[1].imshow(column.cells[model].picture)
        places[1].set_xlabel(column.cells[model].values, fontsize=7, color=INK, labelpad=2)
        for place, drawn in zip(places[2:], blocks.values(), strict=True):
            _draw(place, drawn, row, column)
    figure.text(0.1 / width, 0.1 / height, "\n".join(caption), fontsize=7, va="bottom", color=INK, linespacing=1.35)
    return figure


def _wrapped(title: str) -> str:
    """In lines that are no wider than a picture."""
    return "\n".join(part for line in title.split("\n") for part in textwrap.wrap(line, width=22))


def _draw(axes: Axes, drawn: Drawn, row: int, column: Column) -> None:
    if drawn.positions is not None:
        values = drawn.positions[row]
        one = display_range.shown(column.geometry.enlarge(values), from_zero=False)
        axes.imshow(overlay(column.image, one.heat))
        if drawn.kind == "affinity":
            height, width = values.shape
            centre = np.array([(0.5 + width // 2) / width, (0.5 + height // 2) / height])
            axes.plot(*column.geometry.points(centre * column.geometry.side - 0.5), "+", color=CONTOUR, markersize=8)
        axes.set_xlabel(one.words, fontsize=7, color=INK, labelpad=2)
    elif drawn.channels is not None:
        gates, box = drawn.channels[row], axes.get_position()
        numbers = 0.14 * box.width  # room for those of the upright axis
        axes.set_position((box.x0 + numbers, box.y0, box.width - numbers, box.height))
        axes.plot(gates, linewidth=0.6, color=COLOURS[1])
        last = max(len(gates) - 1, 1)
        axes.set(ylim=(0, 1), xlim=(0, last), yticks=(0, 0.5, 1), xticks=(0, last))
        axes.set_yticklabels(["0", ".5", "1"], fontsize=6)
        axes.set_xticklabels(["0", str(last)], fontsize=6)
        axes.tick_params(length=2, pad=1.5)
        words = display_range.between(float(gates.min()), float(gates.max()))
        axes.set_xlabel(words, fontsize=7, color=INK, labelpad=-4)
