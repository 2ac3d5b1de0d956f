"""The network's square brought back to the original's shape, checked by hand for every fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.data.decoders import square
from foveate.explanation import heatmaps
from foveate.explanation.geometry import Geometry, geometry, original_sizes
from foveate.reading.render import on_original

SQUARE = np.arange(16, dtype=np.uint8).reshape(4, 4)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_a_square_original_stays_as_it_is(fit: str) -> None:
    own = geometry(90, 90, 4, fit)
    assert own == Geometry(4, 4, 4, 0, 0, 4, 4)
    assert np.array_equal(own.picture(SQUARE), SQUARE)
    assert own.points(np.array([1.5, 3.0])).tolist() == [1.5, 3.0]


def test_a_wide_image_is_stretched_back() -> None:
    own = geometry(80, 40, 4, "stretch")  # twice as wide as high: the height stays at 4 pixels
    assert own == Geometry(4, 4, 8, 0, 0, 4, 8)
    assert own.picture(SQUARE).shape == (4, 8, 3)
    # The first pixel's left and right edge, -0.5 and 0.5, lie at 0 and 2 pixels from the left: at -0.5 and 1.5.
    assert own.points(np.array([[-0.5, -0.5], [0.5, 0.5]])).tolist() == [[-0.5, -0.5], [1.5, 0.5]]
    assert own.enlarge(np.array([[0.0, 1.0]])).shape == (4, 8)
    # Two values over 8 pixels: the centres are at 2 and 6, so pixel 3 (centre 3.5) is 1.5 / 4 of the way.
    assert own.enlarge(np.array([[0.0, 1.0]]))[0, 3] == pytest.approx(0.375)


def test_a_tall_image_is_stretched_back() -> None:
    own = geometry(40, 60, 4, "stretch")
    assert own == Geometry(4, 6, 4, 0, 0, 6, 4)
    assert own.points(np.array([0.5, 3.5])).tolist() == [0.5, 5.5]  # the lower edge stays the lower edge


def test_a_very_wide_image_is_bounded() -> None:
    assert geometry(4000, 100, 40, "stretch") == Geometry(40, 2, 80, 0, 0, 2, 80)  # 80 = twice the side, 80 / 40 = 2
    assert geometry(100_000, 16, 40, "stretch").height == 1


def test_the_black_edges_of_a_wide_image_are_cut_off() -> None:
    own = geometry(80, 40, 4, "pad")  # 4 x 2 pixels of image, one row of black above and one below
    assert own == Geometry(4, 4, 4, 1, 0, 2, 4)
    assert np.array_equal(own.picture(SQUARE), SQUARE[1:3])
    assert own.points(np.array([0.5, 0.5])).tolist() == [0.5, -0.5]  # the image's upper edge
    raw = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(own.enlarge(raw), heatmaps.enlarge(raw, 4, 4)[1:3])


def test_the_black_edges_of_a_tall_image_are_cut_off() -> None:
    own = geometry(10, 40, 8, "pad")  # 2 x 8 pixels of image, three columns of black on either side
    assert own == Geometry(8, 8, 8, 0, 3, 8, 2)


@pytest.mark.parametrize("size", [(80, 40), (40, 80)])
def test_what_a_crop_left_is_shown_as_it_is(size: tuple[int, int]) -> None:
    assert geometry(*size, 4, "crop") == Geometry(4, 4, 4, 0, 0, 4, 4)


@settings(max_examples=40, deadline=None)
@given(width=st.integers(16, 300), height=st.integers(16, 300))
def test_the_window_of_a_padded_image_is_all_of_the_image_and_no_edge(width: int, height: int) -> None:
    packed = square(np.full((height, width, 3), 255, dtype=np.uint8), 32, "pad")
    own = geometry(width, height, 32, "pad")
    assert (own.picture(packed) == 255).all()
    assert own.picture(packed).size == (packed == 255).sum()


@pytest.mark.parametrize("fit", ["stretch", "pad"])
@pytest.mark.parametrize("size", [(32, 16), (16, 32), (32, 8)])
def test_maps_lie_where_the_reader_study_lays_them(fit: str, size: tuple[int, int]) -> None:
    width, height = size
    raw = np.random.default_rng(1).normal(size=(4, 4))
    own = geometry(width * 10, height * 10, 32 if fit == "pad" else min(size), fit)
    if own.height != height:  # bounded: no pixel by pixel comparison
        assert (fit, size) == ("stretch", (32, 8))
        return
    enlarged = own.enlarge(np.maximum(raw, 0))
    expected = on_original(raw, height, width, own.side, fit)
    np.testing.assert_allclose(enlarged / enlarged.max(), expected, atol=1e-12)


def test_sizes_are_those_of_the_manifest(tmp_path: Path) -> None:
    file = tmp_path / "manifest.csv"
    assert original_sizes(file) == {}
    file.write_text("case,path,width,height\n0000000000000012,a.png,640,480\n12e4,b.png,30,50\n")
    assert original_sizes(file) == {"0000000000000012": (640, 480), "12e4": (30, 50)}
