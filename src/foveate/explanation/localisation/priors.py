"""Maps that know nothing of the image that they are scored on: what a network's map has to beat."""

from __future__ import annotations

import numpy as np

from foveate.explanation.localisation.overlap import Heat

CENTRE_PRIOR = "centre_prior"  # these stand in the model column, with repeat 0
MEAN_MAP = "mean_map"
PRIORS = (CENTRE_PRIOR, MEAN_MAP)


def centre_prior(side: int) -> Heat:
    """A Gaussian in the middle of a square image, standard deviation a quarter of the side, maximum 1."""
    distance = (np.arange(side) + 0.5) / side - 0.5
    bell = np.exp(-0.5 * (distance / 0.25) ** 2)
    return np.outer(bell, bell)


class MeanMap:
    """The mean of all heat-maps of a data set's scored images, over every model and run, maximum 1.

    One for a data set, so that all models have the same to beat. It holds each scored map itself, one among all of
    them: with few images that makes it a little too good. Blank maps count as zeros.
    """

    def __init__(self, side: int) -> None:
        self._sum = np.zeros((side, side))

    def add(self, heat: Heat) -> None:
        """Count one more map (side, side) in."""
        self._sum += heat

    def heat(self) -> Heat:
        """(side, side); zero everywhere where all maps were blank."""
        peak = self._sum.max(initial=0.0)
        return self._sum / peak if peak > 0 else self._sum.copy()
