"""A heat-map laid on a region: what all scores of the two share, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foveate.explanation.localisation.regions import Region

Heat = NDArray[np.float64]


@dataclass(frozen=True)
class Laid:
    """A heat-map (H, W), not negative, on the region (H, W) of its image.

    Scores by rank need how many pixels, and how many of the region's, are at least as hot as some value. Two sorted
    arrays answer that by bisection, so one sort of the map serves them all.
    """

    heat: Heat
    region: Region

    @cached_property
    def ascending(self) -> Heat:
        """(N,) all values, the coldest first. Only what is not 0 needs sorting, which is half of a typical map."""
        hot = np.sort(self.heat[self.heat > 0])
        return np.concatenate([np.zeros(self.heat.size - len(hot)), hot])

    @cached_property
    def inside(self) -> Heat:
        """(|M|,) the values in the region, the coldest first."""
        return np.sort(self.heat[self.region.mask])

    @property
    def peak(self) -> float:
        return float(self.ascending[-1])

    @property
    def blank(self) -> bool:
        """Whether nothing in the image speaks for the class: every value is 0."""
        return self.peak <= 0

    def above(self, threshold: float) -> tuple[int, int]:
        """How many pixels are hotter than a threshold, and how many of these lie in the region."""
        everywhere, inside = (np.searchsorted(of, threshold, side="right") for of in (self.ascending, self.inside))
        return len(self.ascending) - int(everywhere), len(self.inside) - int(inside)
