"""Images become squares, and where they lie on them is where their pixels are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from foveate.data.fit import OnSquare, on_square, square


def test_square() -> None:
    wide = np.zeros((20, 40), dtype=np.uint8)
    wide[:, 10:30] = 255
    assert square(wide, 20, "crop").min() == 255
    padded = square(wide, 40, "pad")
    assert padded.shape == (40, 40)
    assert padded[:10].max() == 0
    assert padded[10:30, 15:25].min() == 255
    assert padded[30:].max() == 0
    stretched = square(wide, 20, "stretch")
    assert stretched[:, 6:14].min() == 255
    assert stretched[:, :4].max() == 0


def test_square_is_antialiased() -> None:
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    small = square(stripes, 16, "stretch")
    assert abs(int(small.mean()) - 127) <= 1
    assert int(small.max()) - int(small.min()) < 20  # picking every fourth column would give 255 throughout


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("stretch", OnSquare(0, 0, 40, 40)),
        ("pad", OnSquare(0, 10, 40, 20)),
        ("crop", OnSquare(-20, 0, 80, 40)),  # twice as wide as the square: a quarter is cut off on each side
    ],
)
def test_where_a_wide_image_lies(fit: str, expected: OnSquare) -> None:
    assert on_square(100, 50, 40, fit) == expected


@settings(deadline=None)
@given(width=st.integers(16, 200), height=st.integers(16, 200), side=st.integers(33, 64))
def test_pad_is_pillows(width: int, height: int, side: int) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width), dtype=np.uint8)
    expected = ImageOps.pad(Image.fromarray(pixels), (side, side), Image.Resampling.BILINEAR, color=0)
    assert np.array_equal(square(pixels, side, "pad"), np.asarray(expected))


LENGTHS = st.integers(16, 200) | st.just(9000)  # of which a square of 64 leaves less than half a pixel across


@settings(deadline=None)
@given(width=LENGTHS, height=LENGTHS, side=st.integers(33, 64))
def test_pad_says_where_the_pixels_are(width: int, height: int, side: int) -> None:
    seen = square(np.full((height, width), 255, dtype=np.uint8), side, "pad") == 255
    lies = on_square(width, height, side, "pad")
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert (rows[0], rows[-1] + 1) == (lies.top, lies.top + lies.height)
    assert (columns[0], columns[-1] + 1) == (lies.left, lies.left + lies.width)
