"""The learning rate as a pure function of the epoch: there is nothing to restore."""

from __future__ import annotations

import math

from foveate.config import Recipe


def learning_rate(recipe: Recipe, epoch: int, epochs: int) -> float:
    """Learning rate of an epoch (counted from 0): the initial one, times `decay_factor` for each milestone passed.

    A milestone of 30 % is passed from the first epoch at or past 30 % of the epochs on.
    """
    # Rounding keeps 0.3 * 10 = 3.0000000000000004 from moving a milestone by one epoch.
    passed = sum(epoch >= math.ceil(round(share * epochs, 9)) for share in recipe.decay_at)
    return recipe.learning_rate * recipe.decay_factor**passed


def curve_epochs(points: int, epochs: int) -> set[int]:
    """Epochs (from 0) at which the validation AUC is watched: evenly spread, the last one among them."""
    points = min(points, epochs)
    return {math.ceil(epochs * (point + 1) / points) - 1 for point in range(points)}
