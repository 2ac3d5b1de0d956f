"""Boxes and points land where the image's pixels land."""

from __future__ import annotations

import numpy as np
import pytest

from foveate.data.fit import square
from foveate.explanation.localisation.regions import Region, of_boxes, of_points, onto_square

SIZES = [(120, 80), (80, 120), (97, 97), (101, 64)]


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_box_covers_what_its_mask_would(width: int, height: int, fit: str) -> None:
    generator = np.random.default_rng(width)
    place = onto_square(width, height, 40, fit)
    for _ in range(20):
        x0, y0 = generator.integers(0, [width - 9, height - 9])
        x1, y1 = generator.integers([x0 + 9, y0 + 9], [width + 1, height + 1])  # at least two pixels of the square
        drawn = np.zeros((height, width), dtype=np.uint8)
        drawn[y0:y1, x0:x1] = 255
        coverage = square(drawn, 40, fit).astype(float) / 255  # antialiased over wider areas than a pixel's
        found = of_boxes([(float(x0), float(y0), float(x1), float(y1))], place).mask
        assert not (found & (coverage < 0.3)).any()
        assert not (~found & (coverage > 0.7)).any()


def test_a_box_by_hand() -> None:
    # 100 x 50 stretched to 10 x 10: a pixel is 10 x 5. The box covers columns 2 and 3, and half of 4; row 1
    found = of_boxes([(20, 5, 45, 10)], onto_square(100, 50, 10, "stretch"))
    assert np.argwhere(found.mask).tolist() == [[1, 2], [1, 3], [1, 4]]


def test_several_boxes_are_one_region_and_a_tiny_one_keeps_a_pixel() -> None:
    place = onto_square(1000, 1000, 10, "stretch")
    found = of_boxes([(0, 0, 100, 100), (910, 920, 911, 921)], place)
    assert np.argwhere(found.mask).tolist() == [[0, 0], [9, 9]]


def test_what_a_crop_cuts_off_is_no_region() -> None:
    found = of_boxes([(0, 0, 10, 50)], onto_square(200, 100, 10, "crop"))  # the left quarter is cut off
    assert found.area == 0
    assert of_points([(10, 50)], onto_square(200, 100, 10, "crop")).area == 0


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_point_lies_where_its_pixel_does(width: int, height: int, fit: str) -> None:
    drawn = np.zeros((height, width), dtype=np.uint8)
    drawn[height // 2, width // 2 + 3] = 255
    brightest = np.unravel_index(square(drawn, 40, fit).argmax(), (40, 40))
    found = of_points([(width // 2 + 3.5, height // 2 + 0.5)], onto_square(width, height, 40, fit))
    (where,) = np.argwhere(found.mask)
    assert np.abs(where - np.array(brightest)).max() <= 1  # a pixel on an edge is shared by two
    assert not found.extent


def test_near_is_empty_where_the_region_is() -> None:
    assert not Region(np.zeros((5, 5), dtype=bool)).near.any()


def test_near_is_round() -> None:
    mask = np.zeros((100, 100), dtype=bool)
    mask[50, 50] = True
    rows, columns = np.indices((100, 100))
    # 15/224 of 100 is 6.696: squares below 44.84
    assert np.array_equal(Region(mask).near, (rows - 50) ** 2 + (columns - 50) ** 2 < (1500 / 224) ** 2)
