"""A trained model as one ONNX file, checked before it is kept."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from foveate import runs
from foveate.attention.botnet import BottleneckSelfAttention
from foveate.errors import FoveateError, UsageError
from foveate.models import TrainedModel, load_model

TOLERANCE = 1e-4  # of the largest logit, between torch and onnxruntime in float32


class _WithPreprocessing(nn.Module):
    """A network that takes pixels as they are decoded, 0 to 255, and normalises them as in training."""

    def __init__(self, trained: TrainedModel) -> None:
        super().__init__()
        self.network = trained.network
        self.mean = nn.Buffer(torch.tensor(trained.mean)[:, None, None])  # (channels, 1, 1)
        self.std = nn.Buffer(torch.tensor(trained.std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def export_onnx(run_folder: str | Path, file: str | Path) -> Path:
    """Write a run's trained model as ONNX; returns the file's path.

    Input "images": float32 (N, channels, H, W), decoded pixels from 0 to 255, normalised inside; output "logits":
    float32 (N, classes). N, H and W are free, but for a model with botnet, whose H and W are those it was trained
    with. The metadata "foveate" holds classes, pixels and fit as JSON. The file is run in onnxruntime at other sizes
    than the traced one and kept only where it agrees with torch. Raises FoveateError where the run is not trained,
    ONNX is not installed or the file does not agree, UsageError where `file` cannot be.
    """
    runtime = _needed()
    target = Path(file)
    if target.suffix != ".onnx":
        raise UsageError(f"{target}: the name of an ONNX file ends in .onnx.")
    trained = load_model(run_folder)
    model = _WithPreprocessing(trained).eval()
    fixed = any(isinstance(block, BottleneckSelfAttention) for block in trained.network.attention_blocks().values())
    side = trained.pixels
    example = torch.rand(2, trained.channels, side, side) * 255
    free = {0: torch.export.Dim.DYNAMIC}
    if not fixed:
        free |= {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which nothing here needs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, about its own inside
        program = torch.onnx.export(
            model, (example,), dynamo=True, dynamic_shapes={"images": free}, input_names=["images"],
            output_names=["logits"], verbose=False,
        )  # fmt: skip
    assert program is not None
    about = {"classes": trained.classes, "pixels": side, "fit": trained.fit, "channels": trained.channels}
    program.model.metadata_props["foveate"] = json.dumps(about)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with runs.disk_errors(target):
            program.save(str(unfinished), external_data=False)
        sizes = [(1, side, side), (3, side, side) if fixed else (3, side + 33, 2 * side)]
        _agree(runtime, unfinished, model, trained.channels, sizes)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _agree(runtime: object, file: Path, model: nn.Module, channels: int, sizes: list[tuple[int, int, int]]) -> None:
    """Raise FoveateError unless onnxruntime gives torch's logits for images of these (count, height, width)."""
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(0)
    for count, height, width in sizes:
        images = torch.rand(count, channels, height, width, generator=generator) * 255
        with torch.no_grad():
            expected = model(images).numpy()
        (given,) = session.run(None, {"images": images.numpy()})
        if given.shape != expected.shape or not np.abs(given - expected).max() <= TOLERANCE * np.abs(expected).max():
            raise FoveateError(
                f"the ONNX file does not give torch's numbers for images of {height} x {width} pixels, so it was not "
                "kept: this model cannot be exported with the installed versions of torch and onnxscript."
            )


def _needed() -> object:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise FoveateError(f"ONNX needs {error.name}: pip install 'foveate[onnx]'.") from error
    module: object = onnxruntime
    return module
