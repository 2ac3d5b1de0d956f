"""Scores of heat-maps on tiny maps whose values are worked out by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from sklearn.metrics import average_precision_score, roc_auc_score

from foveate.explanation.localisation import (
    METRICS,
    Laid,
    Region,
    energy,
    hit_rate,
    hit_rate_of_people,
    pixel_auprc,
    pixel_auroc,
    pointing_game,
    rank_accuracy,
    score,
)
from foveate.explanation.localisation.regions import OntoSquare


def laid(heat: ArrayLike, mask: ArrayLike) -> Laid:
    return Laid(np.array(heat, dtype=np.float64), Region(np.array(mask, dtype=bool)))


CORNER = [[1, 0], [0, 0]]
NOTHING = [[0, 0], [0, 0]]


@st.composite
def cases(draw: st.DrawFn) -> Laid:
    """Small maps of few distinct values, so that ties are the rule, with a region that is neither empty nor whole."""
    side = draw(st.integers(2, 6))
    cells = side * side
    values = draw(st.lists(st.integers(0, 4), min_size=cells, max_size=cells))
    inside = draw(st.lists(st.booleans(), min_size=cells, max_size=cells))
    inside[0], inside[-1] = True, False
    return laid(np.reshape(values, (side, side)) / 4, np.reshape(inside, (side, side)))


def test_energy() -> None:
    assert energy(laid([[3, 1], [0, 0]], CORNER)) == 0.75
    assert energy(laid([[0, 1], [0, 0]], CORNER)) == 0.0
    assert energy(laid(NOTHING, CORNER)) is None
    assert energy(laid([[3, 1], [0, 0]], NOTHING)) is None


def test_pixel_auprc() -> None:
    # Descending: lesion, other, other, other -> precision 1 at recall 1
    assert pixel_auprc(laid([[1, 0.5], [0.2, 0.1]], CORNER)) == 1.0
    # The lesion pixel comes second: precision 1/2 at recall 1
    assert pixel_auprc(laid([[0.5, 1], [0.2, 0.1]], CORNER)) == 0.5
    # Two lesion pixels, ranks 1 and 3: 1/2 * 1 + 1/2 * 2/3
    assert pixel_auprc(laid([[1, 0.5], [0.2, 0.1]], [[1, 0], [1, 0]])) == pytest.approx(5 / 6)
    assert pixel_auprc(laid([[1, 1], [1, 1]], NOTHING)) is None
    assert pixel_auprc(laid([[1, 0], [0, 0]], [[1, 1], [1, 1]])) == 1.0


def test_pixel_auroc() -> None:
    # Of the three others the lesion pixel beats two and ties with one: (2 + 1/2) / 3
    assert pixel_auroc(laid([[0.5, 0.5], [0.2, 0.1]], CORNER)) == pytest.approx(2.5 / 3)
    assert pixel_auroc(laid([[1, 0], [0, 0]], NOTHING)) is None
    assert pixel_auroc(laid([[1, 0], [0, 0]], [[1, 1], [1, 1]])) is None


def test_rank_accuracy() -> None:
    two = [[1, 0], [1, 0]]
    assert rank_accuracy(laid([[1, 0.5], [0.2, 0.1]], two)) == 0.5  # the two hottest: one of them inside
    # The hottest is inside, and three tie for the second place, one of them inside: (1 + 1/3) / 2
    assert rank_accuracy(laid([[1, 0.5], [0.5, 0.5]], two)) == pytest.approx(2 / 3)
    assert rank_accuracy(laid(NOTHING, two)) == 0.5  # chance
    assert rank_accuracy(laid([[1, 0], [0, 0]], NOTHING)) is None


@given(cases())
@settings(max_examples=60, deadline=None)
def test_by_rank_they_are_scikit_learns(case: Laid) -> None:
    truth, heat = case.region.mask.ravel(), case.heat.ravel()
    assert pixel_auprc(case) == pytest.approx(average_precision_score(truth, heat))
    assert pixel_auroc(case) == pytest.approx(roc_auc_score(truth, heat))


@given(cases(), st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_all_lie_between_0_and_1_and_do_not_depend_on_scale(case: Laid, factor: float) -> None:
    scaled = score(Laid(case.heat * factor, case.region))
    for name, (value, chance) in score(case).items():
        assert 0 <= chance <= 1
        if value is None:
            assert scaled[name][0] is None
        else:
            assert 0 <= value <= 1
            assert scaled[name][0] == pytest.approx(value)


@given(st.integers(2, 7), st.data())
@settings(max_examples=40, deadline=None)
def test_an_even_map_gets_chance_where_it_can(side: int, data: st.DataObject) -> None:
    inside = data.draw(st.lists(st.booleans(), min_size=side * side, max_size=side * side))
    inside[0], inside[1] = True, False
    found = score(laid(np.full((side, side), 0.7), np.reshape(inside, (side, side))))
    for name in ("energy", "pixel_auprc", "pixel_auroc", "pointing", "rank_accuracy"):
        assert found[name][0] == pytest.approx(found[name][1])
    assert found["iou_otsu"] == (0.0, 0.0)  # marks nothing


def test_chance_is_what_random_places_get() -> None:
    generator = np.random.default_rng(0)
    mask = np.zeros((9, 9), dtype=bool)
    mask[2:5, 1:4] = True
    drawn = [score(Laid(generator.permutation(81).reshape(9, 9) / 81.0, Region(mask))) for _ in range(800)]
    for name in METRICS:
        values, chances = (np.array([one[name][part] for one in drawn], dtype=float) for part in (0, 1))
        error = np.std(values - chances) / np.sqrt(len(drawn))
        expected = chances.mean()
        if name == "pixel_auprc":  # of few pixels drawn without ties more than |M|/N: ((|M|-1)/(N-1) (N-H_N) + H_N) / N
            harmonic = float((1 / np.arange(1, 82)).sum())
            expected = (8 / 80 * (81 - harmonic) + harmonic) / 81
        assert abs(values.mean() - expected) < 4 * error + 1e-12, name


def far(side: int, row: int, column: int, at: tuple[int, int]) -> Laid:
    """One hot pixel at (row, column) of a square, and a region of one pixel."""
    heat, mask = np.zeros((side, side)), np.zeros((side, side), dtype=bool)
    heat[row, column], mask[at] = 1.0, True
    return Laid(heat, Region(mask))


def test_the_pointing_game_allows_15_of_224_pixels_and_not_one_more() -> None:
    assert pointing_game(far(224, 100, 114, at=(100, 100))) == 1.0  # 14 px
    assert pointing_game(far(224, 100, 115, at=(100, 100))) == 0.0  # 15 px: the inequality is strict
    assert pointing_game(far(224, 109, 112, at=(100, 100))) == 0.0  # 9 and 12: 15 px along the diagonal
    # Half the side, half the reach: 7.5 px
    assert pointing_game(far(112, 50, 57, at=(50, 50))) == 1.0
    assert pointing_game(far(112, 50, 58, at=(50, 50))) == 0.0


def test_the_pointing_games_chance_is_the_share_of_places_that_hit() -> None:
    # 1.07 px reach at a side of 16: the pixel and its four neighbours
    value, chance = score(far(16, 0, 0, at=(8, 8)))["pointing"]
    assert value == 0.0
    assert chance == pytest.approx(5 / 256)


def test_a_plateau_of_hottest_pixels_counts_by_its_share() -> None:
    heat = np.zeros((16, 16))
    heat[0, :4] = 1.0  # four pixels tie; the region's corner is within 1.07 px of the first two
    mask = np.zeros((16, 16), dtype=bool)
    mask[0, 0] = True
    assert pointing_game(Laid(heat, Region(mask))) == 0.5


def test_hit_rate_takes_the_first_of_the_hottest_row_by_row() -> None:
    assert hit_rate(laid([[0, 1], [1, 0]], [[0, 1], [0, 0]])) == 1.0
    assert hit_rate(laid([[0, 1], [1, 0]], [[0, 0], [1, 0]])) == 0.0


def test_a_blank_map_misses_even_where_the_lesion_covers_the_first_pixel() -> None:
    found = score(laid(NOTHING, CORNER))
    assert found["hit_rate"][0] == found["pointing"][0] == 0.0
    assert found["energy"][0] is None
    for name in ("iou_matched", "iou_otsu", "iou_top"):
        assert found[name] == (0.0, 0.0)  # nothing is marked, and of nothing chance gets nothing


def test_an_empty_region_has_no_score() -> None:
    assert {value for value, _ in score(laid([[1, 0], [0, 0]], NOTHING)).values()} == {None}


def test_points_can_only_be_pointed_at() -> None:
    region = Region(np.array(CORNER, dtype=bool), extent=False)
    assert list(score(Laid(np.eye(2), region))) == ["pointing"]


def test_people_hit_with_any_of_their_points() -> None:
    region, place = Region(np.array(CORNER, dtype=bool)), OntoSquare(2, (0.02, 0.02), (0.0, 0.0))  # of 100 x 100
    assert hit_rate_of_people([(90, 90), (20, 30)], region, place) == 1.0
    assert hit_rate_of_people([(90, 90)], region, place) == 0.0
    assert hit_rate_of_people([(20, 30)], Region(np.zeros((2, 2), dtype=bool)), place) is None


def test_one_pixel_images_do_not_break_a_score() -> None:
    found = score(laid([[1.0]], [[1]]))
    assert found["energy"] == (1.0, 1.0)
    assert found["pixel_auroc"][0] is None
