"""Imputation: a dense solution by numpy is the oracle, and a ramp is its own imputation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foveate.explanation.faithfulness.imputation import impute, impute_all


def dense(image: NDArray[np.float64], unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The definition, pixel by pixel, and numpy's solver."""
    height, width = unknown.shape
    matrix, right = np.eye(height * width), image.reshape(len(image), -1).T.copy()
    for i in range(height):
        for j in range(width):
            if not unknown[i, j]:
                continue
            near = {
                (k, m): (1 / 6 if k == i or m == j else 1 / 12)
                for k in range(max(i - 1, 0), min(i + 2, height))
                for m in range(max(j - 1, 0), min(j + 2, width))
                if (k, m) != (i, j)
            }
            right[i * width + j] = 0
            for (k, m), weight in near.items():
                matrix[i * width + j, k * width + m] = -weight / sum(near.values())
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64).T.reshape(image.shape)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(0, 0.95))
@settings(max_examples=60, deadline=None)
def test_equals_the_dense_solution(height: int, width: int, seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    image, unknown = generator.normal(size=(3, height, width)), generator.random((height, width)) < share
    unknown[generator.integers(height), generator.integers(width)] = False
    np.testing.assert_allclose(impute(image, unknown), dense(image, unknown), atol=1e-10)


def test_one_pixel_is_the_weighted_mean_of_its_neighbours() -> None:
    # Edges 1, 2, 3, 4 weigh 1/6 each, corners 5, 6, 7, 8 weigh 1/12: (10 / 6 + 26 / 12) / 1.
    image = np.array([[[5.0, 1.0, 6.0], [2.0, 99.0, 3.0], [7.0, 4.0, 8.0]]])
    unknown = np.zeros((3, 3), dtype=bool)
    unknown[1, 1] = True
    assert impute(image, unknown)[0, 1, 1] == pytest.approx(23 / 6)


def test_a_ramp_is_reproduced_in_the_interior() -> None:
    row, column = np.mgrid[:20, :24].astype(float)
    image = np.stack([row, column, 2 * row - 3 * column + 1])
    unknown = np.zeros((20, 24), dtype=bool)
    unknown[3:17, 4:19] = True
    unknown[8, 10] = False
    broken = np.where(unknown, 77.0, image)
    np.testing.assert_allclose(impute(broken, unknown), image, atol=1e-10)


def test_grey_gives_three_equal_channels_and_known_pixels_stay() -> None:
    generator = np.random.default_rng(0)
    grey = np.repeat(generator.normal(size=(1, 8, 8)), 3, axis=0)
    unknown = generator.random((8, 8)) < 0.6
    found = impute(grey, unknown)
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(found, dense(grey, unknown), atol=1e-10)
    np.testing.assert_array_equal(found[:, ~unknown], grey[:, ~unknown])


def test_nothing_unknown_and_all_unknown() -> None:
    image = np.arange(4.0).reshape(1, 2, 2)
    np.testing.assert_array_equal(impute(image, np.zeros((2, 2), dtype=bool)), image)
    with pytest.raises(ValueError, match="no known pixel"):
        impute(image, np.ones((2, 2), dtype=bool))


def test_one_known_pixel_colours_all() -> None:
    unknown = np.ones((5, 6), dtype=bool)
    unknown[2, 3] = False
    image = np.zeros((2, 5, 6))
    image[:, 2, 3] = 4, -1
    np.testing.assert_allclose(impute(image, unknown), np.array([4.0, -1.0])[:, None, None].repeat(5, 1).repeat(6, 2))


@pytest.mark.parametrize("workers", [1, 3])
def test_many_at_once_are_each_their_own(workers: int) -> None:
    generator = np.random.default_rng(0)
    images, unknown = generator.normal(size=(3, 1, 6, 6)), generator.random((3, 2, 6, 6)) < 0.5
    found = impute_all(images, unknown, workers)
    assert found.shape == (3, 2, 1, 6, 6)
    for place in np.ndindex(3, 2):
        np.testing.assert_allclose(found[place], impute(images[place[0]], unknown[place]), atol=1e-6)


def test_an_error_in_a_thread_is_an_error() -> None:
    with pytest.raises(ValueError, match="no known pixel"):
        impute_all(np.zeros((1, 1, 2, 2)), np.ones((1, 1, 2, 2), dtype=bool), workers=2)
