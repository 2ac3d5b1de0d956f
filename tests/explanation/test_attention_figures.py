"""Attention maps as a figure: their ends in numbers, flat ones named, channels on an axis that can be read."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from foveate.explanation.attention_figures import Drawn, attention_figure, choose
from foveate.explanation.geometry import geometry
from foveate.explanation.overlays import overlay
from foveate.explanation.panels import Cell, Column, Panel

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def panel(columns: int = 1) -> Panel:
    cell = Cell(IMAGE, 0.9, "lesion", "0 to 2", "centre")
    one = Column("a", "lesion", IMAGE, np.empty((0, 2, 2)), {"resnet18+x": cell}, geometry(8, 8, 8, "pad"))
    return Panel((one,) * columns, ("resnet18+x",), (2, 2), "")


def picture_of(drawn: Drawn) -> Axes:
    return attention_figure(panel(), [0], "resnet18+x", {"layer1.0.attention": drawn}).axes[2]


def test_a_flat_map_shows_the_plain_image_and_says_so() -> None:
    axes = picture_of(Drawn("spatial", np.full((1, 2, 2), 0.5031, dtype=np.float32), None))
    assert axes.get_xlabel() == "flat: 0.503 everywhere"
    assert np.array_equal(np.asarray(axes.images[0].get_array()), IMAGE)


def test_a_map_goes_from_its_lowest_to_its_highest_value_and_says_them() -> None:
    values = np.array([[[0.4, 0.4], [0.8, 0.8]]], dtype=np.float32)
    axes = picture_of(Drawn("spatial", values, None))
    assert axes.get_xlabel() == "0.4 to 0.8"
    # Two values on eight rows, centres at 2 and 6: even outside them, linear between.
    rows = np.interp(np.arange(8) + 0.5, [2, 6], [0.0, 1.0])
    expected = overlay(IMAGE, np.broadcast_to(rows[:, None], (8, 8)))
    shown = np.asarray(axes.images[0].get_array()).astype(int)
    assert np.abs(shown - expected).max() <= 1  # float32


def test_channels_have_numbers_on_both_axes() -> None:
    gates = np.linspace(0.25, 0.75, 64, dtype=np.float32)[None]
    axes = picture_of(Drawn("channel", None, gates))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "63"]
    assert [float(text.get_text()) for text in axes.get_yticklabels()] == [0, 0.5, 1]
    assert axes.get_ylim() == (0, 1)
    assert axes.get_xlabel() == "0.25 to 0.75"


def test_numbers_stay_clear_of_the_pictures_beside_and_below() -> None:
    drawn = {f"layer{n}.0.attention": Drawn("channel", None, np.full((2, 64), 0.5, dtype=np.float32)) for n in (1, 2)}
    figure = attention_figure(panel(2), [0, 1], "resnet18+x", drawn)
    figure.draw_without_rendering()
    boxes = [axes.get_window_extent() for axes in figure.axes]
    for axes in figure.axes:
        for text in [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label]:
            extent = text.get_window_extent()
            assert text.get_text() == "" or not any(extent.overlaps(box) for box in boxes), text.get_text()


@pytest.mark.parametrize(("columns", "chosen"), [(6, [0, 1, 4, 5]), (1, [0]), (3, [0, 1, 2])])
def test_as_many_of_the_first_images_as_of_the_last(columns: int, chosen: list[int]) -> None:
    assert choose(panel(columns)) == chosen
