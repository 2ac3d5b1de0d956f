"""A trained model as one ONNX file, checked before it is kept."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from foveate import runs
from foveate.attention.botnet import BottleneckSelfAttention
from foveate.errors import FoveateError, UsageError
from foveate.models import TrainedModel, load_model

TOLERANCE = 1e-4  # of the largest number, between torch and onnxruntime in float32


class _WithPreprocessing(nn.Module):
    """A network that takes pixels as they are decoded, 0 to 255, and normalises them as in training.

    (N, channels, H, W) -> logits (N, classes), and raw Grad-CAM of every class (N, classes, h, w): the head as a 1x1
    convolution of the pooling's input over its size, so that their sums are the logits less the head's bias.
    """

    def __init__(self, trained: TrainedModel) -> None:
        super().__init__()
        self.network = trained.network
        self.mean = nn.Buffer(torch.tensor(trained.mean)[:, None, None])  # (channels, 1, 1)
        self.std = nn.Buffer(torch.tensor(trained.std)[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.forward_features((images - self.mean) / self.std)
        head = self.network.fc.weight[:, :, None, None]
        return self.network.forward_head(features), F.conv2d(features, head) / (features.shape[2] * features.shape[3])


def export_onnx(run_folder: str | Path, file: str | Path) -> Path:
    """Write a run's trained model as ONNX; returns the file's path.

    Input "images": float32 (N, channels, H, W), decoded pixels from 0 to 255, normalised inside; outputs "logits":
    float32 (N, classes), and "heatmaps": float32 (N, classes, h, w), the signed Grad-CAM of each class at the input
    of the global average pooling (`explanation.cam.grad_cam`), whose sums are the logits less the head's bias. N, H
    and W are free, but for a model with botnet, whose H and W are those it was trained with. The metadata "foveate"
    holds classes, pixels, fit, channels, mean and std as JSON. The file is run in onnxruntime at other sizes than the
    traced one and kept only where it agrees with torch. Raises FoveateError where the run is not trained, ONNX is not
    installed or the file does not agree, UsageError where `file` cannot be.
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
            output_names=["logits", "heatmaps"], verbose=False,
        )  # fmt: skip
    assert program is not None
    about = {
        "classes": trained.classes,
        "pixels": side,
        "fit": trained.fit,
        "channels": trained.channels,
        "mean": trained.mean,  # applied inside already; equal in all channels where the training images were grey
        "std": trained.std,
    }
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
    """Raise FoveateError unless onnxruntime gives torch's numbers for images of these (count, height, width)."""
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])  # type: ignore[attr-defined]
    generator = torch.Generator().manual_seed(0)
    for count, height, width in sizes:
        images = torch.rand(count, channels, height, width, generator=generator) * 255
        with torch.no_grad():
            wanted = [output.numpy() for output in model(images)]
        given = session.run(["logits", "heatmaps"], {"images": images.numpy()})
        if not all(_close(*outputs) for outputs in zip(given, wanted, strict=True)):
            raise FoveateError(
                f"the ONNX file does not give torch's numbers for images of {height} x {width} pixels, so it was not "
                "kept: this model cannot be exported with the installed versions of torch and onnxscript."
            )


def _close(given: NDArray[np.float32], wanted: NDArray[np.float32]) -> bool:
    return given.shape == wanted.shape and bool(np.abs(given - wanted).max() <= TOLERANCE * np.abs(wanted).max())


def _needed() -> object:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise FoveateError(f"ONNX needs {error.name}: pip install 'foveate[onnx]'.") from error
    module: object = onnxruntime
    return module
