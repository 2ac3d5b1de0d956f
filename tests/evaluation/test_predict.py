"""The evaluation pass gives what the network gives, in order, with the maps of the true classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foveate.data.batches import Batches
from foveate.errors import FoveateError
from foveate.evaluation.metrics import auc, softmax
from foveate.evaluation.predict import predict, validation_auc
from foveate.explanation.cam import grad_cam
from foveate.models import create_model
from tests.data.test_batches import write_pack


@pytest.fixture
def data(tmp_path: Path) -> Batches:
    pixels = np.random.default_rng(0).integers(0, 255, (11, 70, 70, 1), dtype=np.uint8)
    pack = write_pack(tmp_path / "pack", pixels, 3)
    return Batches(pack, pack.index.cases, "split.csv", torch.device("cpu"))


def test_predict(data: Batches) -> None:
    model = create_model("resnet18+cbam", generator=torch.Generator().manual_seed(0)).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    counted: list[int] = []
    logits, maps = predict(model, data, explain=grad_cam, batch_size=4, advance=counted.append)
    assert counted == [4, 4, 3]
    assert model.training  # as it was
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    with torch.no_grad():
        expected = model.eval()(data.gather(torch.arange(11))[0])
    np.testing.assert_allclose(logits, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert maps is not None
    assert maps.shape == (11, 3, 3)
    assert maps.dtype == np.float32
    bias = model.fc.bias.detach().numpy()
    target = data.labels.numpy()
    np.testing.assert_allclose(maps.sum((1, 2)) + bias[target], logits[np.arange(11), target], rtol=1e-4, atol=1e-5)


def test_without_maps(data: Batches) -> None:
    logits, maps = predict(create_model("resnet18"), data)
    assert maps is None
    assert logits.shape == (11, 2)


def test_validation_auc(data: Batches) -> None:
    model = create_model("resnet18", generator=torch.Generator().manual_seed(0))
    logits, _ = predict(model, data)
    assert validation_auc(model, data, "float32") == pytest.approx(auc(data.labels.numpy(), softmax(logits)[:, 1]))


def test_outputs_that_are_not_numbers_are_said(data: Batches) -> None:
    model = create_model("resnet18")
    torch.nn.init.constant_(model.fc.weight, float("nan"))
    with pytest.raises(FoveateError, match="training diverged"):
        predict(model, data)
