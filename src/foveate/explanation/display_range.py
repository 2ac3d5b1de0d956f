"""From a map's values to what is drawn of them: which value is clear, which opaque, and which maps are not drawn.

A map of evidence (Grad-CAM and its kin) has a zero that means nothing speaks for the class: it is drawn from 0 to its
highest value. What an attention block computes has none: a gate may lie around 0.5 everywhere. Such a map is drawn from
its lowest value to its highest.

A map that hardly varies points nowhere, however it is drawn: stretched from its lowest value to its highest it would be
a hot spot made of rounding, and from 0 a sheet of colour that hides the image. It is called flat, and not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of the highest absolute value: what a flat map's range is at most. Gates multiply features and evidence adds up, so a
# map says how many times as much one place counts as another; below 1.01 times nobody would see a difference if it were
# drawn from 0 (Weber's share for brightness is one to two per cent), and numbers of bfloat16 lie up to 0.8 % apart.
FLAT = 0.01
BLANK = "no positive evidence"


@dataclass(frozen=True)
class Shown:
    """One map as it is drawn, and what is said of it."""

    heat: NDArray[np.float64]  # (H, W) in [0, 1]: 0 is clear, 1 opaque; 0 everywhere of a map that is not drawn
    low: float  # the map's own lowest and highest value; of evidence without its negative part
    high: float
    blank: bool  # evidence that is nowhere positive
    flat: bool

    @property
    def words(self) -> str:
        """The map's lowest and highest value, or why it is not drawn."""
        if self.blank:
            return BLANK
        return f"flat: {number(self.high)} everywhere" if self.flat else between(self.low, self.high)


def is_flat(values: NDArray[np.floating]) -> bool:
    """Whether a map's range is at most FLAT of its highest absolute value; a map of zeros is flat too."""
    low, high = float(values.min()), float(values.max())
    return high - low <= FLAT * max(abs(low), abs(high))


def shared_ends(maps: Iterable[NDArray[np.floating]], from_zero: bool) -> tuple[float, float]:
    """One clear and one opaque value for several maps: 0 or their lowest, and their highest."""
    every = list(maps)
    return 0.0 if from_zero else min(float(of.min()) for of in every), max(float(of.max()) for of in every)


def shown(values: NDArray[np.floating], from_zero: bool, ends: tuple[float, float] | None = None) -> Shown:
    """How a map (H, W) is drawn; `from_zero`: it is evidence, whose negative part is cut off already.

    ends: the values that are clear and opaque, where several maps share them; else the map's own.
    """
    low, high = float(values.min()), float(values.max())
    blank = from_zero and high <= 0
    flat = not blank and is_flat(values)
    clear, opaque = ends or shared_ends([values], from_zero)
    heat = np.zeros(values.shape)
    if not (blank or flat):
        heat = np.clip((np.asarray(values, dtype=np.float64) - clear) / (opaque - clear), 0, 1)
    return Shown(heat, low, high, blank, flat)


def between(low: float, high: float) -> str:
    """Two ends with as many decimals as three digits of the larger one have: 0.503 to 0.598, 0 to 0.431."""
    largest = max(abs(low), abs(high))
    decimals = 2 - math.floor(math.log10(largest)) if largest else 0
    return f"{number(round(low, decimals))} to {number(round(high, decimals))}"


def number(value: float) -> str:
    """Three digits: 0.503, 12.3, 1.2e−5, and all before the point: 1,234; with a minus as wide as a digit."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("e-0", "e-").replace("-", "−")
