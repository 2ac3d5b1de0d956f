"""Deletion and insertion, by hand on four pixels, against torchcam, and on a network whose right map is known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from foveate.explanation.faithfulness.curves import (
    CURVES,
    area,
    blurred,
    curves,
    fractions,
    probabilities,
    replaced,
)
from foveate.explanation.faithfulness.order import random_ranks, ranks


def linear(images: Tensor) -> Tensor:
    """Two classes; class 1 has the sum of the pixels as its logit, class 0 has 0."""
    total = images.sum((1, 2, 3))
    return torch.stack([torch.zeros_like(total), total], 1)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


IMAGE = torch.tensor([[[[1.0, -2.0], [0.5, 3.0]]]])
HEAT = torch.tensor([[[0.2, 0.0], [0.1, 1.0]]])  # order: 3, 1, 0.5, -2


def test_deletion_by_hand() -> None:
    # The sum 2.5 loses 3, 1, 0.5 and -2 in turn: -0.5, -1.5, -2, 0.
    found = curves(linear, IMAGE, HEAT, torch.tensor([1]), steps=4)
    np.testing.assert_allclose(found, [[sigmoid(value) for value in (2.5, -0.5, -1.5, -2, 0)]], atol=1e-6)


def test_insertion_into_the_mean_by_hand() -> None:
    # From 0: 3, 4, 4.5, 2.5. Class 0 has the rest of the probability.
    found = curves(linear, IMAGE, HEAT, torch.tensor([0]), "insertion_mean", steps=4)
    np.testing.assert_allclose(found, [[1 - sigmoid(value) for value in (0, 3, 4, 4.5, 2.5)]], atol=1e-6)


def test_two_steps_take_two_pixels_each() -> None:
    found = curves(linear, IMAGE, HEAT, torch.tensor([1]), steps=2)
    np.testing.assert_allclose(found, [[sigmoid(value) for value in (2.5, -1.5, 0)]], atol=1e-6)


def test_the_area_by_hand() -> None:
    # 5 pixels in 2 steps: 0, 3 (2.5 rounded up), 5. Trapezoids: 0.6 (1 + 0.5) / 2 + 0.4 (0.5 + 0) / 2.
    assert fractions(5, 2).tolist() == [0, 0.6, 1]
    assert area(fractions(5, 2), np.array([1, 0.5, 0])) == pytest.approx(0.55)


def test_blur_keeps_what_is_even_and_the_mean() -> None:
    assert torch.allclose(blurred(torch.full((1, 3, 9, 11), 0.7)), torch.tensor(0.7))
    dot = torch.zeros(1, 1, 9, 9)
    dot[..., 4, 4] = 1
    # One pixel of standard deviation and reach: weights e^-1/2, 1, e^-1/2, divided by their sum.
    side = math.exp(-0.5) / (1 + 2 * math.exp(-0.5))
    assert blurred(dot)[0, 0, 4, 3] == pytest.approx(side * (1 - 2 * side))
    assert blurred(dot).sum() == pytest.approx(1)
    assert blurred(torch.rand(1, 1, 1, 1)).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("curve", CURVES)
def test_the_ends_are_the_image_and_the_baseline(curve: str) -> None:
    images = torch.randn(3, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 1, 1])
    found = curves(linear, images, images[:, 0], target, curve, steps=6)
    whole = probabilities(linear, images, target)
    np.testing.assert_allclose(found[:, -1 if CURVES[curve].inserts else 0], whole, atol=1e-6)
    left = blurred(images) if CURVES[curve].baseline == "blur" else 0 * images
    empty = probabilities(linear, left, target)
    np.testing.assert_allclose(found[:, 0 if CURVES[curve].inserts else -1], empty, atol=1e-6)


def test_neither_batch_size_nor_company_matter() -> None:
    images = torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    heat, target = images[:, 0] ** 2, torch.tensor([0, 1, 1, 0, 1])
    whole = curves(linear, images, heat, target, steps=7, batch_size=1000)
    for size in (1, 7, 11):
        np.testing.assert_allclose(curves(linear, images, heat, target, steps=7, batch_size=size), whole, atol=1e-6)
    np.testing.assert_allclose(curves(linear, images[2:3], heat[2:3], target[2:3], steps=7)[0], whole[2], atol=1e-6)


def test_the_map_of_the_planted_signal_beats_the_controls() -> None:
    """The network looks at one corner only: a map of that corner deletes first what counts, and inserts it first."""
    images = torch.full((2, 1, 12, 12), 1.0)
    corner = torch.zeros(12, 12)
    corner[:4, :4] = 1

    def network(given: Tensor) -> Tensor:
        score = (given[:, 0] * corner).sum((1, 2)) - 8
        return torch.stack([-score, score], 1)

    target, fraction = torch.tensor([1, 1]), fractions(144)
    random = random_ranks(2, 12, 12, torch.Generator().manual_seed(0))
    orders = {"right": ranks(corner.expand(2, -1, -1)), "random": random, "wrong": ranks(-corner.expand(2, -1, -1))}
    deletion = {
        name: area(fraction, replaced(network, images, 0 * images, own, target)) for name, own in orders.items()
    }
    insertion = {
        name: area(fraction, replaced(network, 0 * images, images, own, target)) for name, own in orders.items()
    }
    for worse, better in pairwise(["wrong", "random", "right"]):
        assert (deletion[better] < deletion[worse] - 0.2).all()
        assert (insertion[better] > insertion[worse] + 0.2).all()


def test_equals_torchcam(monkeypatch: pytest.MonkeyPatch) -> None:
    methods = pytest.importorskip("torchcam.methods")
    metrics = pytest.importorskip("torchcam.metrics")
    generator = torch.Generator().manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, stride=4), torch.nn.ReLU(), torch.nn.AvgPool2d(9), torch.nn.Flatten(),
        torch.nn.Linear(8, 3),
    ).eval()  # fmt: skip
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    images, heat = torch.randn(2, 3, 40, 40, generator=generator), torch.rand(2, 40, 40, generator=generator)
    target = torch.tensor([2, 0])
    with methods.GradCAM(model, target_layer="0") as extractor:
        monkeypatch.setattr(extractor, "fuse_cams", lambda maps: heat)  # its own, rounded, are full of near ties
        metric = metrics.DeletionInsertionMetric(extractor, lambda logits: torch.softmax(logits, -1), steps=8)
        metric.update(images, target.tolist())
    fraction = fractions(1600, 8)
    theirs = metric.summary()
    for curve, name in (("deletion", "deletion_auc"), ("insertion_mean", "insertion_auc")):
        ours = area(fraction, curves(model, images, heat, target, curve, steps=8)).mean()
        assert ours == pytest.approx(theirs[name], abs=1e-5)
