"""The network's square brought back to the original's shape, checked by hand for every fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from foveate.data.fit import square
from foveate.explanation import heatmaps
from foveate.explanation.geometry import Geometry, geometry, is_flat_on_original, on_original, original_sizes

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


def hot_corner() -> np.ndarray:
    """One positive value in the upper left of a 4 x 4 map, negative ones elsewhere."""
    raw = np.full((4, 4), -5, dtype=np.float32)
    raw[0, 0] = 3
    return raw


def test_stretch_is_enlarging_alone() -> None:
    raw = np.random.default_rng(0).normal(size=(7, 7)).astype(np.float32)
    assert np.allclose(on_original(raw, 90, 60, 224, "stretch"), heatmaps.heat(raw, 90, 60))
    for fit in ("pad", "crop"):
        assert np.allclose(on_original(raw, 64, 64, 224, fit), heatmaps.heat(raw, 64, 64))


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_an_even_map_is_flat_on_the_original_whatever_was_cut_off(fit: str) -> None:
    for raw, flat in (
        (np.full((2, 2), 3.0), True),
        (np.array([[3.0, 3.01], [3.02, 3.0]]), True),
        (np.array([[3.0, 3.0], [3.1, 3.0]]), False),
        (np.full((2, 2), -3.0), False),  # blank
        (np.array([[3.0, -3.0], [3.0, -3.0]]), False),
    ):
        heat = on_original(raw, 90, 60, 64, fit)
        assert is_flat_on_original(raw, heat) == flat


def test_stretch_by_hand() -> None:
    found = on_original(np.array([[4.0, -1.0]]), 2, 4, 64, "stretch")  # centres at 1/8, 3/8, 5/8, 7/8 of the width
    assert np.allclose(found, [[1, 0.75, 0.25, 0]] * 2)


def test_pad_by_hand() -> None:
    # 8 wide, 4 high: the image lies in rows 16 to 48 of a square of 64, which are rows 1 and 2 of a map of 4.
    raw = np.array([[9.0] * 4, [2.0] * 4, [1.0] * 4, [9.0] * 4])
    found = on_original(raw, 4, 8, 64, "pad")
    assert np.allclose(found, np.array([3.75, 1.75, 1.25, 3.0])[:, None].repeat(8, axis=1) / 3.75)


def test_crop_by_hand() -> None:
    # 8 wide, 4 high: the network saw columns 2 to 6 alone.
    found = on_original(np.array([[4.0, -1.0]]), 4, 8, 64, "crop")
    assert np.allclose(found, [[0, 0, 1, 0.75, 0.25, 0, 0, 0]] * 4)


@pytest.mark.parametrize(("height", "width"), [(40, 100), (100, 40), (60, 64), (50, 50)])
@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_one_hot_corner_lands_where_it_is_in_the_original(height: int, width: int, corner: tuple[int, int]) -> None:
    flips = tuple(axis for axis in (0, 1) if corner[axis])
    raw = np.flip(hot_corner(), flips)
    short = min(height, width)
    stretched = on_original(raw, height, width, 32, "stretch")
    assert stretched[corner] == stretched.max() == 1
    cropped = on_original(raw, height, width, 32, "crop")
    top, left = (height - short) // 2, (width - short) // 2  # of what the network saw
    seen = cropped[top : top + short, left : left + short]
    assert seen[corner] == 1
    assert cropped.sum() == seen.sum()


def test_crop_of_an_odd_rest_is_even_on_both_sides() -> None:
    found = on_original(np.ones((4, 4)), 61, 64, 32, "crop")  # one column and a half are cut off on each side
    assert found[0].tolist() == [0] + [1] * 62 + [0]


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize(("height", "width"), [(48, 120), (120, 48), (33, 90), (64, 63)])
def test_a_spot_goes_through_the_square_and_back(fit: str, height: int, width: int) -> None:
    """A spot of the original, made square as an image is, reduced to a map and laid back, is found at its place."""
    row, column = height // 2 + 7, width // 2 - 9
    image = np.zeros((height, width), dtype=np.uint8)
    image[row - 3 : row + 4, column - 3 : column + 4] = 255
    raw = square(image, 64, fit).astype(np.float32)  # a map as fine as the square
    found = on_original(raw, height, width, 64, fit)
    centre = np.array([(found.sum(1) @ np.arange(height)), (found.sum(0) @ np.arange(width))]) / found.sum()
    assert np.abs(centre - (row, column)).max() < 0.25


@settings(deadline=None)
@given(
    raw=arrays.arrays(np.float32, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.floats(-9, 9, width=32)),
    height=st.integers(16, 60),
    width=st.integers(16, 60),
    fit=st.sampled_from(["stretch", "pad", "crop"]),
)
def test_values_lie_between_0_and_1_and_the_maximum_is_1(raw: np.ndarray, height: int, width: int, fit: str) -> None:
    found = on_original(raw, height, width, 40, fit)
    assert found.shape == (height, width)
    assert found.min() >= 0
    assert found.max() in (0, 1)
    if raw.max() <= 0:
        assert not found.any()
