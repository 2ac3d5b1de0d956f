"""Heat-maps as data: the file that keeps them, their enlargement to an image, their scale. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foveate import runs
from foveate.errors import FoveateError


@dataclass(frozen=True)
class Heatmaps:
    """The raw Grad-CAM maps of one run (heatmaps.npz)."""

    case: NDArray[np.str_]  # (n,)
    target: NDArray[np.int64]  # (n,) index of the class that the map explains: the ground truth
    raw: NDArray[np.float32]  # (n, h, w) signed, before ReLU; sums to the target's logit less its bias
    logits: NDArray[np.float32]  # (n, classes)
    tap: str  # the feature map that they were taken at

    def save(self, path: Path) -> None:
        """Write heatmaps.npz, whole or not at all."""
        with runs.writing(path, "wb") as file:
            np.savez(
                file,
                case=self.case,
                target=self.target,
                raw=self.raw,
                logits=self.logits,
                tap=np.array(self.tap),
            )


def load(path: Path) -> Heatmaps:
    """Read heatmaps.npz. Raises FoveateError where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Heatmaps(file["case"], file["target"], file["raw"], file["logits"], str(file["tap"]))
    except (OSError, ValueError, KeyError) as error:
        raise FoveateError(f"cannot read {path}: {error}. Remove the run's metrics.json and evaluate again.") from error


def enlarge(raw: NDArray[np.floating], height: int, width: int) -> NDArray[np.float64]:
    """Bilinear interpolation of (..., h, w) to (..., height, width), pixel centres aligned to areas.

    The same as torch's `interpolate(mode="bilinear", align_corners=False)`.
    """
    rows, columns = _weights(raw.shape[-2], height), _weights(raw.shape[-1], width)
    return np.asarray(rows @ np.asarray(raw, dtype=np.float64) @ columns.T)


def _weights(small: int, large: int) -> NDArray[np.float64]:
    """(large, small) matrix of the linear interpolation along one axis."""
    position = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    left = np.floor(position).astype(int)
    right = np.minimum(left + 1, small - 1)
    share = position - left
    matrix = np.zeros((large, small))
    matrix[np.arange(large), left] += 1 - share
    matrix[np.arange(large), right] += share
    return matrix


def heat(raw: NDArray[np.floating], height: int, width: int) -> NDArray[np.float64]:
    """Grad-CAM as it is shown and scored: (h, w) -> (height, width) in [0, 1].

    The negative part of the raw map is cut off (Selvaraju et al. 2017, Eq. 2), the rest enlarged and then
    divided by its maximum; all zero where nothing speaks for the class. No minimum is subtracted: that would
    stretch an even map to full contrast.
    """
    enlarged = enlarge(np.maximum(raw, 0), height, width)
    peak = enlarged.max(initial=0.0)
    return enlarged / peak if peak > 0 else enlarged
