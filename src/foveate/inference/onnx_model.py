"""An exported ONNX file, run by onnxruntime on the CPU. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveate.config.yaml_and_json import WrongDocumentError, load_json
from foveate.errors import FoveateError, UsageError
from foveate.inference.model import ModelFacts, kinds_by_statistics


class OnnxModel:
    """A `Classifier` of a file that `foveate export` wrote."""

    def __init__(self, file: Path, device: str, heatmaps: bool) -> None:
        """Raises FoveateError where onnxruntime is missing, the file is damaged or not foveate's, or where heat-maps
        are wanted of a file without them; UsageError for another device than the CPU."""
        if device not in ("auto", "cpu"):
            raise UsageError(f"an ONNX file is run on the CPU: leave out --device {device}, or give the run's folder.")
        self.session = _session(file)
        about = _about(file, self.session)
        self.outputs = [output.name for output in self.session.get_outputs()]
        if heatmaps and "heatmaps" not in self.outputs:
            raise FoveateError(f"{file} has no heat-maps: export the run again, or leave out --overlay.")
        self.wanted = ["logits", "heatmaps"] if heatmaps else ["logits"]
        channels = int(about["channels"])
        kinds = frozenset[str]()  # files of older versions do not tell
        if "mean" in about:
            kinds = kinds_by_statistics(channels, about["mean"], about["std"])
        self.facts = ModelFacts(
            file, file.stem, tuple(about["classes"]), int(about["pixels"]), str(about["fit"]), channels, kinds
        )

    def __call__(
        self, images: NDArray[np.uint8], target: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """See `Classifier`."""
        pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)
        logits, *maps = self.session.run(self.wanted, {"images": pixels})
        if not maps:
            return logits, None
        chosen = logits.argmax(1) if target is None else np.full(len(logits), target)
        return logits, maps[0][np.arange(len(logits)), chosen]


def _session(file: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise FoveateError(f"{file} needs onnxruntime: pip install 'foveate[onnx]'.") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class, and quote places in its source
        raise FoveateError(f"{file} is damaged or no ONNX file: export the run again.") from error


def _about(file: Path, session: Any) -> dict[str, Any]:
    """What the export said of the model. Raises FoveateError for a file of another program."""
    said = session.get_modelmeta().custom_metadata_map.get("foveate")
    try:
        about = load_json(said) if said else {}
    except WrongDocumentError:
        about = {}
    if not isinstance(about, dict) or not {"classes", "pixels", "fit", "channels"} <= about.keys():
        raise FoveateError(f"{file} was not written by foveate export: it does not say its classes and input.")
    return dict(about)
