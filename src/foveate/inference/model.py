"""A trained model that can be asked about images: a run's folder or an exported ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foveate.data.pack import Pack
from foveate.errors import FoveateError, UsageError
from foveate.runs import study_above

GREY, COLOUR = "grey", "colour"
_LOOKED_AT = 256  # images of a pack, evenly spread
_NAMED = 12  # runs that an error lists
_RIGHT = "give a run's folder, OUT/runs/<data set>/<model>/<repeat>, or an exported .onnx file"


@dataclass(frozen=True)
class ModelFacts:
    """What must be known of a model to show it an image, and to say what it answered."""

    path: Path
    name: str  # such as resnet18+cbam; an ONNX file's is its stem
    classes: tuple[str, ...]  # of the logits
    pixels: int  # side of the square input
    fit: str  # how an image becomes square: stretch, pad or crop
    channels: int
    kinds: frozenset[str]  # GREY, COLOUR or both: what the training images were; empty where nobody knows


class Classifier(Protocol):
    """(n, side, side, channels) uint8 -> logits (n, classes) and raw Grad-CAM maps (n, h, w) of the predicted class, or
    of the one with the index `target`, both float32; the maps are None where the model cannot give them."""

    facts: ModelFacts

    def __call__(
        self, images: NDArray[np.uint8], target: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]: ...


def open_model(path: Path, device: str, heatmaps: bool) -> Classifier:
    """The model of a run's folder or an ONNX file.

    Raises UsageError where `path` is neither, naming the runs that lie below it; FoveateError where the run is not
    trained or damaged, where ONNX is not installed, or where `heatmaps` are wanted of a file that has none.
    """
    if path.is_file():
        if path.suffix.lower() != ".onnx":
            raise UsageError(f"{path} is no model: {_RIGHT}.")
        from foveate.inference.onnx_model import OnnxModel

        return OnnxModel(path, device, heatmaps)
    _refuse_other_folders(path)
    from foveate.inference.run_model import RunModel

    return RunModel(path, device)


def _refuse_other_folders(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path} does not exist: {_RIGHT}.")
    if (path / "weights.safetensors").is_file() and (path / "run.json").is_file():
        return
    if (path / "run.json").is_file():
        raise FoveateError(f"{path} is not trained yet: weights.safetensors is missing. Train it: foveate train OUT.")
    if (path / "weights.safetensors").is_file():
        raise FoveateError(f"{path} is no whole run: run.json, which says what its weights are of, is missing.")
    below = [weights.parent for steps in range(1, 5) for weights in path.glob("*/" * steps + "weights.safetensors")]
    found = sorted(run.relative_to(path).as_posix() for run in below if (run / "run.json").is_file())
    if found:
        others = f"; below {path} there are {', '.join(found[:_NAMED])}" if len(found) > 1 else ""
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise UsageError(f"{path} is no run's folder: give a run's, such as {path / found[0]}{others}{more}.")
    if (path / "study.yaml").is_file():
        raise FoveateError(f"{path} is a study's folder without a trained run: foveate train {path}")
    raise UsageError(f"{path} holds no trained run: {_RIGHT}.")


def kinds_by_pack(run_folder: Path, record: dict[str, Any]) -> frozenset[str] | None:
    """What a run's training images were, by the study's packed pixels; None where these are not on this machine.

    A pack with one channel is grey throughout. Of another, up to 256 images are looked at: it may hold both kinds.
    """
    root = study_above(run_folder)
    if root is None:
        return None
    subject = run_folder.resolve().parents[1].name
    pack = Pack(root / "data" / subject / "pack")
    if not all((pack.folder / name).is_file() for name in ("index.json", "pixels.npy")):
        return None
    if pack.index.fingerprint != record.get("data_fingerprint"):
        return None
    if pack.pixels.shape[-1] == 1:
        return frozenset([GREY])
    rows = np.linspace(0, len(pack.pixels) - 1, min(_LOOKED_AT, len(pack.pixels))).astype(int)
    return frozenset(GREY if (pack.pixels[row] == pack.pixels[row][..., :1]).all() else COLOUR for row in rows)


def kinds_by_statistics(channels: int, mean: Sequence[float], std: Sequence[float]) -> frozenset[str]:
    """The same by the normalisation: equal in all channels only where the training images were grey."""
    return frozenset([GREY if channels == 1 or len(set(mean)) == len(set(std)) == 1 else COLOUR])
