"""ROAD: which pixels are made up, their noise, and its score where the right map is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from foveate.explanation.faithfulness.imputation import impute
from foveate.explanation.faithfulness.order import random_ranks, ranks
from foveate.explanation.faithfulness.road import NOISE, made_up, road


def test_the_hottest_and_the_coolest_are_made_up() -> None:
    images = torch.randn(2, 3, 10, 10, generator=Generator().manual_seed(0))
    rank = random_ranks(2, 10, 10, Generator().manual_seed(1))
    changed = made_up(images, rank, Generator().manual_seed(2), shares=(0.2, 0.5))
    assert changed.shape == (2, 4, 3, 10, 10)
    for case in range(2):
        masks = [rank[case] < 20, rank[case] < 50, rank[case] >= 80, rank[case] >= 50]
        for found, unknown in zip(changed[case], masks, strict=True):
            assert torch.equal(found[:, ~unknown], images[case][:, ~unknown])
            exact = torch.from_numpy(impute(images[case].numpy(), unknown.numpy()))
            noise = (found - exact)[:, unknown]
            assert 0.5 * NOISE < float(noise.std()) < 1.5 * NOISE


def test_the_share_is_kept_where_the_map_is_almost_all_zero() -> None:
    images, heat = torch.randn(1, 1, 10, 10, generator=Generator().manual_seed(0)), torch.zeros(1, 10, 10)
    heat[0, 5, 5] = 1
    changed = made_up(images, ranks(heat), Generator().manual_seed(0), shares=(0.2, 0.8))
    assert [int((found != images[0]).sum()) for found in changed[0]] == [20, 80, 20, 80]


def test_the_noise_of_an_image_does_not_depend_on_its_company() -> None:
    images = torch.randn(3, 1, 9, 9, generator=Generator().manual_seed(0))
    rank = random_ranks(3, 9, 9, Generator().manual_seed(1))
    whole = made_up(images, rank, Generator().manual_seed(2), workers=3)
    generator = Generator().manual_seed(2)
    parts = [made_up(images[:2], rank[:2], generator), made_up(images[2:], rank[2:], generator)]
    assert torch.equal(whole, torch.cat(parts))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_is_between_none_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        made_up(torch.zeros(1, 1, 4, 4), torch.arange(16).view(1, 4, 4), Generator(), shares=(share,))


def test_the_scores_by_hand() -> None:
    # Two shares; the network's probability of class 1 is that of the image's value.
    values = torch.tensor([[0.2, 0.4, 0.9, 0.7]])  # MoRF 0.2, 0.4; LeRF 0.9, 0.7
    changed = torch.logit(values).view(1, 4, 1, 1, 1)

    def network(images: Tensor) -> Tensor:
        value = images.flatten()
        return torch.stack([torch.zeros_like(value), value], 1)

    found = road(network, changed, torch.tensor([1]), batch_size=3)
    np.testing.assert_allclose(found.most, [[0.2, 0.4]], atol=1e-6)
    np.testing.assert_allclose(found.least, [[0.9, 0.7]], atol=1e-6)
    assert found.score == pytest.approx([(1.6 - 0.6) / 2 / 2])
    assert found.accuracy_score == pytest.approx([0.5])  # right in both of LeRF, in none of MoRF
    other = road(network, changed, torch.tensor([0]))
    assert other.score == pytest.approx(-found.score)


def test_the_right_map_beats_chance_and_the_wrong_one() -> None:
    generator = Generator().manual_seed(0)
    images = torch.zeros(4, 1, 12, 12)
    images[:, :, 2:6, 2:6] = 1
    spot = torch.zeros(12, 12)
    spot[2:6, 2:6] = 1

    def network(given: Tensor) -> Tensor:
        score = 20 * (given[:, 0, 2:6, 2:6].mean((1, 2)) - 0.5)
        return torch.stack([-score, score], 1)

    target = torch.ones(4, dtype=torch.int64)
    heats = {"right": spot.expand(4, -1, -1), "wrong": -spot.expand(4, -1, -1)}
    scores = {name: road(network, made_up(images, ranks(heat), generator), target) for name, heat in heats.items()}
    random = road(network, made_up(images, random_ranks(4, 12, 12, generator), generator), target)
    assert (scores["right"].score > 0.3).all()
    assert (scores["wrong"].score < -0.3).all()
    assert abs(float(random.score.mean())) < 0.2
    assert (scores["right"].accuracy_score > 0.3).all()
