"""The order of the pixels: hottest first, ties by place, whatever the map."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foveate.explanation.faithfulness.order import counts, random_ranks, ranks


def test_by_hand() -> None:
    # 0.9 first, the two 0.5 as they are read, then 0.
    assert ranks(torch.tensor([[[0.5, 0.0], [0.9, 0.5]]])).tolist() == [[[1, 3], [0, 2]]]


def test_a_blank_map_gives_the_order_of_reading() -> None:
    assert ranks(torch.zeros(1, 3, 4)).flatten().tolist() == list(range(12))


def test_ties_are_stable_where_most_of_the_map_is_zero() -> None:
    # 5 % of 20 x 20 pixels are hot, and take the first 20 ranks; the others follow in the order of reading.
    heat = torch.zeros(400)
    hot = torch.arange(7, 400, 20)
    heat[hot] = torch.linspace(1, 2, 20)
    rank = ranks(heat.view(1, 20, 20)).flatten()
    assert rank[hot].tolist() == list(range(19, -1, -1))
    cold = rank[heat == 0]
    assert cold.tolist() == list(range(20, 400))


def test_a_map_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        ranks(torch.tensor([[[float("nan"), 0.0]]]))


def test_random_orders_are_orders_and_repeatable() -> None:
    one, other = (random_ranks(3, 4, 5, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert one.flatten(1).sort(1)[0].tolist() == [list(range(20))] * 3


@given(st.integers(1, 60).flatmap(lambda steps: st.tuples(st.integers(steps, 5000), st.just(steps))))
def test_counts_are_even(given_numbers: tuple[int, int]) -> None:
    pixels, steps = given_numbers
    found = counts(pixels, steps)
    assert found[0] == 0
    assert found[-1] == pixels
    assert len(found) == steps + 1
    between = {after - before for before, after in pairwise(found)}
    assert min(between) >= pixels // steps
    assert max(between) <= -(-pixels // steps)


@pytest.mark.parametrize("steps", [0, 5])
def test_steps_that_cannot_be(steps: int) -> None:
    with pytest.raises(ValueError, match="from 1 to the 4 pixels"):
        counts(4, steps)
