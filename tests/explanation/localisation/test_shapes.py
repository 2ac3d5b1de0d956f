"""Thresholds and the shapes that they cut out of a map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats

from foveate.explanation.localisation import Laid, Region, iou_matched, iou_otsu, iou_top
from foveate.explanation.localisation.shapes import best_level, iou_of_random_pixels, otsu_threshold


def laid(heat: ArrayLike, mask: ArrayLike) -> Laid:
    return Laid(np.array(heat, dtype=np.float64), Region(np.array(mask, dtype=bool)))


def within_variance(counts: list[int], level: int) -> float:
    """What Otsu minimises, by its definition: the groups' variances, weighted by their sizes."""
    values = np.repeat(np.arange(len(counts)), counts)
    groups = values[values <= level], values[values > level]
    return sum(len(group) * float(np.var(group)) for group in groups if len(group)) / len(values)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=12))
@settings(max_examples=100, deadline=None)
def test_otsus_level_has_the_least_variance_within_the_groups(counts: list[int]) -> None:
    if sum(count > 0 for count in counts) < 2:
        return
    found = within_variance(counts, best_level(np.array(counts)))
    assert found == pytest.approx(min(within_variance(counts, level) for level in range(len(counts))), abs=1e-9)


def test_otsus_level_by_hand() -> None:
    # 0, 0, 1 | 4, 5: cutting behind level 1 leaves (2/9 * 3 + 1/4 * 2) / 5; between 1 and 4 all levels cut alike
    assert best_level(np.array([2, 1, 0, 0, 1, 1])) == 1


def test_iou_at_otsus_threshold_by_hand() -> None:
    heat = [[1.0, 0.9, 0.1], [0.0, 0.0, 0.1]]
    # Two groups: 0 and 0.1 against 0.9 and 1. Marked: the first two; shared 1, union 3
    assert iou_otsu(laid(heat, [[1, 0, 0], [1, 0, 0]])) == pytest.approx(1 / 3)
    # On a floor of 5 and ten times as large, the same pixels are marked: the map is stretched first
    assert iou_otsu(laid(5 + 10 * np.array(heat), [[1, 0, 0], [1, 0, 0]])) == pytest.approx(1 / 3)


def test_otsus_threshold_marks_levels_of_the_8_bit_map_and_not_parts_of_one() -> None:
    generator = np.random.default_rng(3)
    heat = generator.random((20, 20)) ** 3
    heat = (heat - heat.min()) / (heat.max() - heat.min())
    levels = np.floor(255 * heat).astype(int)
    level = best_level(np.bincount(levels.ravel(), minlength=256))
    case = Laid(heat, Region(np.ones((20, 20), dtype=bool)))
    assert np.array_equal(heat > otsu_threshold(case), levels > level)


def test_area_matched_iou_by_hand() -> None:
    mask = [[1, 1, 0], [0, 0, 0]]
    assert iou_matched(laid([[0.9, 0.8, 0.1], [0.0, 0.0, 0.0]], mask)) == 1.0
    assert iou_matched(laid([[0.9, 0.1, 0.8], [0.0, 0.0, 0.0]], mask)) == pytest.approx(1 / 3)  # one of two shared
    # Three tie for the two places: none of them is hotter than the one after the two hottest
    assert iou_matched(laid([[0.5, 0.5, 0.5], [0.0, 0.0, 0.0]], mask)) == 0.0
    # Only one pixel has heat at all: it is marked alone, 1 of 2
    assert iou_matched(laid([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0]], mask)) == 0.5


def test_the_hottest_tenth() -> None:
    heat, mask = np.arange(100.0).reshape(10, 10), np.zeros((10, 10), dtype=bool)
    mask[9, 5:] = True
    assert iou_top(Laid(heat, Region(mask))) == 0.5  # marked: the last row, half of it lesion


@given(st.integers(1, 30), st.data())
@settings(max_examples=60, deadline=None)
def test_iou_of_random_pixels_is_the_hypergeometric_mean(pixels: int, data: st.DataObject) -> None:
    area, marked = data.draw(st.integers(1, pixels)), data.draw(st.integers(0, pixels))
    shared = np.arange(min(area, marked) + 1)
    chance = stats.hypergeom.pmf(shared, pixels, area, marked)
    expected = float((chance * shared / (area + marked - shared)).sum())
    assert iou_of_random_pixels(marked, area, pixels) == pytest.approx(expected, abs=1e-12)


def test_iou_of_many_random_pixels_is_near_its_closed_form() -> None:
    share = 2400 / 50176
    assert iou_of_random_pixels(2400, 2400, 50176) == pytest.approx(share / (2 - share), rel=1e-3)
