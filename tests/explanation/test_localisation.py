"""Scores of heat-maps on tiny maps whose values are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from foveate.explanation.localisation import centre_prior, energy, pixel_auprc

MASK = np.array([[True, False], [False, False]])


def test_energy() -> None:
    assert energy(np.array([[3.0, 1.0], [0.0, 0.0]]), MASK) == 0.75
    assert energy(np.array([[0.0, 1.0], [0.0, 0.0]]), MASK) == 0.0
    assert energy(np.zeros((2, 2)), MASK) is None


def test_an_even_map_has_the_energy_of_chance() -> None:
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:5, 3:9] = True
    assert energy(np.ones((10, 10)), mask) == pytest.approx(mask.mean())
    assert pixel_auprc(np.ones((10, 10)), mask) == pytest.approx(mask.mean())


def test_pixel_auprc() -> None:
    # Descending: lesion, other, other, other -> precision 1 at recall 1
    assert pixel_auprc(np.array([[1.0, 0.5], [0.2, 0.1]]), MASK) == 1.0
    # The lesion pixel comes second: precision 1/2 at recall 1
    assert pixel_auprc(np.array([[0.5, 1.0], [0.2, 0.1]]), MASK) == 0.5
    # Two lesion pixels, ranks 1 and 3: 1/2 * 1 + 1/2 * 2/3
    two = np.array([[True, False], [True, False]])
    assert pixel_auprc(np.array([[1.0, 0.5], [0.2, 0.1]]), two) == pytest.approx(5 / 6)
    assert pixel_auprc(np.ones((2, 2)), np.zeros((2, 2), dtype=bool)) is None


def test_centre_prior() -> None:
    prior = centre_prior(5)
    assert prior.argmax() == 12
    assert prior[2, 2] == 1.0
    assert prior[0, 2] == pytest.approx(np.exp(-0.5 * (0.4 / 0.25) ** 2))
    assert np.array_equal(prior, prior.T)
