"""A run's model as an ONNX file that other programs can use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from foveate import runs
from foveate.errors import FoveateError, UsageError
from foveate.explanation.cam import grad_cam
from foveate.models import create_model, load_model
from foveate.models.export import export_onnx

onnx: Any = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime: Any = pytest.importorskip("onnxruntime", reason="needs the extra onnx")


def trained(folder: Path, attention: str) -> Path:
    """A run's folder with random weights and running statistics."""
    model = create_model("resnet18", attention=attention, pixels=64, generator=torch.Generator().manual_seed(0))
    state = {key: value.abs() + 0.1 if "running_var" in key else value for key, value in model.state_dict().items()}
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(safetensors.torch.save(state))
    record = {
        "model_configuration": {"backbone": "resnet18", "attention": attention},
        "input": {"classes": ["benign", "malignant"], "pixels": 64, "fit": "pad", "channels": 3,
                  "mean": [100.0, 90.0, 80.0], "std": [40.0, 50.0, 60.0]},
    }  # fmt: skip
    runs.write_json(folder / "run.json", record)
    return folder


@pytest.mark.parametrize("attention", ["gc", "botnet"])
def test_pixels_in_logits_out(tmp_path: Path, attention: str) -> None:
    run = trained(tmp_path / "run", attention)
    file = export_onnx(run, tmp_path / "deep" / "model.onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).uniform(0, 255, (5, 3, 64, 64)).astype(np.float32)
    assert [output.name for output in session.get_outputs()] == ["logits", "heatmaps"]
    logits, maps = session.run(None, {"images": images})
    model = load_model(run)
    normalised = (images - np.array(model.mean)[:, None, None]) / np.array(model.std)[:, None, None]
    with torch.no_grad():
        features = model.network.forward_features(torch.from_numpy(normalised).float())
        expected = model.network.forward_head(features).numpy()
        weight, bias = model.network.fc.weight, model.network.fc.bias.numpy()
        explained = [grad_cam(features, weight, torch.full((5,), target)).numpy() for target in range(2)]
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)
    assert maps.shape == (5, 2, 2, 2)  # images, classes, 64 / 32 pixels
    np.testing.assert_allclose(maps, np.stack(explained, axis=1), rtol=0, atol=1e-4 * np.abs(maps).max())
    np.testing.assert_allclose(maps.sum((2, 3)) + bias, logits, rtol=1e-4, atol=1e-5)
    metadata = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert json.loads(metadata["foveate"]) == {
        "classes": ["benign", "malignant"],
        "pixels": 64,
        "fit": "pad",
        "channels": 3,
        "mean": [100.0, 90.0, 80.0],
        "std": [40.0, 50.0, 60.0],
    }
    assert [path.name for path in file.parent.iterdir()] == ["model.onnx"]


def test_what_cannot_be_exported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FoveateError, match=r"weights\.safetensors is missing"):
        export_onnx(tmp_path, tmp_path / "model.onnx")
    run = trained(tmp_path / "run", "se")
    with pytest.raises(UsageError, match=r"ends in \.onnx"):
        export_onnx(run, tmp_path / "model.txt")
    monkeypatch.setattr("foveate.models.export.TOLERANCE", -1.0)  # as if the exporter had got it wrong
    with pytest.raises(FoveateError, match="so it was not kept"):
        export_onnx(run, tmp_path / "model.onnx")
    assert not list(tmp_path.glob("*.onnx*"))
    assert not list(tmp_path.glob(".*onnx*"))
