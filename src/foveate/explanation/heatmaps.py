"""Heat-maps as data: the file that keeps them, their enlargement to an image, their scale. Numpy only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from foveate import runs
from foveate.data.pixels import may_pass
from foveate.errors import FoveateError

# What heatmaps.npz holds; every other choice has a file of its own, named after it.
GRAD_CAM, POOLING, TRUTH = "grad_cam", "pooling", "truth"
CLASS_FREE = ("eigen_cam", "attention")  # methods whose maps are of no class
WITHOUT_ZERO = ("attention",)  # methods whose values are no evidence: 0 means nothing special, see `ends`
_LONGEST = 100  # characters of a target in a file's name; 255 bytes is what file systems take


@dataclass(frozen=True)
class Heatmaps:
    """The raw maps of one run by one method (heatmaps.npz: Grad-CAM)."""

    case: NDArray[np.str_]  # (n,)
    # (n,) index of the class that the map explains, of a contrast the first, of a class-free method the truth
    target: NDArray[np.int64]
    raw: NDArray[np.float32]  # (n, h, w) signed, before ReLU; Grad-CAM's sum to the target's logit less its bias
    logits: NDArray[np.float32]  # (n, classes)
    tap: str  # the feature map that they were taken at
    method: str = GRAD_CAM
    target_words: str = TRUTH  # truth, predicted, a class or two as A:B; empty for a class-free method

    @property
    def from_zero(self) -> bool:
        """Whether the maps are evidence, which is drawn from 0, and no values without a zero of their own."""
        return self.method not in WITHOUT_ZERO

    @property
    def drawable(self) -> NDArray[np.float32]:
        """The raw maps without what is never drawn: of evidence, the negative part."""
        return np.maximum(self.raw, 0) if self.from_zero else self.raw

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
                method=np.array(self.method),
                target_words=np.array(self.target_words),
            )


def load(path: Path) -> Heatmaps:
    """Read a file of heat-maps. Raises FoveateError where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            later = {key: str(file[key]) for key in ("method", "target_words") if key in file}  # not in older files
            return Heatmaps(file["case"], file["target"], file["raw"], file["logits"], str(file["tap"]), **later)
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, OSError) and may_pass(error):  # then the file may be whole
            raise FoveateError(f"cannot read {path}: {error.strerror}. Start the same command again.") from error
        again = "Remove the run's metrics.json and evaluate again." if path.name == file_name() else "Remove it."
        raise FoveateError(f"cannot read {path}: {error}. {again}") from error


def joined(first: Heatmaps, second: Heatmaps) -> Heatmaps:
    """The maps of other cases behind those of `first`, which are of the same method, tap and target."""
    return replace(
        first,
        case=np.concatenate([first.case, second.case]),
        target=np.concatenate([first.target, second.target]),
        raw=np.concatenate([first.raw, second.raw]),
        logits=np.concatenate([first.logits, second.logits]),
    )


def variant(method: str = GRAD_CAM, tap: str = POOLING, target: str = TRUTH) -> str:
    """What the file of these maps is called after: `method`, `@tap` behind it if not the pooling's input, then
    `-target` if not the truth; empty for Grad-CAM of the truth at the pooling's input.

    A target's letters other than A to Z, a to z, 0 to 9, `_`, `.`, `-` and `~` are percent-encoded, and a long one is
    cut and told apart by a hash, so that any class may be one. A class-free method has no target.
    """
    if (method, tap, target) == (GRAD_CAM, POOLING, TRUTH):
        return ""
    words = quote(target, safe="")
    if len(words) > _LONGEST:
        words = f"{words[:_LONGEST]}~{hashlib.sha256(target.encode()).hexdigest()[:8]}"
    at = "" if tap == POOLING else f"@{tap}"
    return f"{method}{at}" if target == TRUTH or method in CLASS_FREE else f"{method}{at}-{words}"


def file_name(variant: str = "") -> str:
    """The file in a run's folder that holds the maps of a variant."""
    return f"heatmaps-{variant}.npz" if variant else "heatmaps.npz"


Span = tuple[float, float]  # start and length along one axis, of a map that reaches from 0 to 1
WHOLE: Span = (0.0, 1.0)


def enlarge(
    raw: NDArray[np.floating], height: int, width: int, down: Span = WHOLE, across: Span = WHOLE
) -> NDArray[np.float64]:
    """Bilinear interpolation of (..., h, w) to (..., height, width), pixel centres aligned to areas.

    The same as torch's `interpolate(mode="bilinear", align_corners=False)`. `down` and `across` say which part of the
    map the result shows; beyond the map it is 0.
    """
    rows, columns = _weights(raw.shape[-2], height, *down), _weights(raw.shape[-1], width, *across)
    return np.asarray(rows @ np.asarray(raw, dtype=np.float64) @ columns.T)


def _weights(small: int, large: int, start: float, length: float) -> NDArray[np.float64]:
    """(large, small) matrix of the linear interpolation along one axis; rows outside the map are zero."""
    place = start * large + length * (np.arange(large) + 0.5)  # pixel centres, the map reaching from 0 to `large`
    position = np.clip(place * small / large - 0.5, 0, small - 1)
    left = np.floor(position).astype(int)
    right = np.minimum(left + 1, small - 1)
    share = position - left
    inside = np.abs(place / large - 0.5) <= 0.5 + 1e-9  # a pixel that the edge halves counts, on both sides alike
    matrix = np.zeros((large, small))
    matrix[np.arange(large), left] += (1 - share) * inside
    matrix[np.arange(large), right] += share * inside
    return matrix


def heat(
    raw: NDArray[np.floating], height: int, width: int, down: Span = WHOLE, across: Span = WHOLE
) -> NDArray[np.float64]:
    """Grad-CAM as it is shown and scored: (h, w) -> (height, width) in [0, 1].

    The negative part of the raw map is cut off (Selvaraju et al. 2017, Eq. 2), the rest enlarged and then
    divided by its maximum; all zero where nothing speaks for the class. No minimum is subtracted: that would
    stretch an even map to full contrast. `down`, `across`: see `enlarge`.
    """
    enlarged = enlarge(np.maximum(raw, 0), height, width, down, across)
    peak = enlarged.max(initial=0.0)
    return enlarged / peak if peak > 0 else enlarged
