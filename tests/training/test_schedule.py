"""The learning rate falls at the paper's milestones; the curve is watched evenly."""

from __future__ import annotations

import pytest

from foveate.config import Recipe
from foveate.training.schedule import curve_epochs, learning_rate


@pytest.mark.parametrize(
    ("epochs", "milestones"),
    [(100, (30, 60, 90)), (500, (150, 300, 450)), (10, (3, 6, 9)), (15, (5, 9, 14)), (1, ())],
)
def test_falls_at_the_first_epoch_at_or_past_each_milestone(epochs: int, milestones: tuple[int, ...]) -> None:
    rates = [learning_rate(Recipe(), epoch, epochs) for epoch in range(epochs)]
    assert rates[0] == 0.05
    falls = [epoch for epoch in range(1, epochs) if rates[epoch] != rates[epoch - 1]]
    assert tuple(falls) == milestones
    assert rates[-1] == pytest.approx(0.05 * 0.1 ** len(milestones))


def test_curve_epochs() -> None:
    assert curve_epochs(4, 20) == {4, 9, 14, 19}
    assert curve_epochs(10, 3) == {0, 1, 2}
    assert curve_epochs(0, 3) == set()
    assert max(curve_epochs(7, 100)) == 99
    assert len(curve_epochs(7, 100)) == 7
