"""The closed form is Grad-CAM: equal to autograd, to torchcam and to captum, and right by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from foveate.explanation.cam import grad_cam
from foveate.explanation.heatmaps import heat
from foveate.models.resnet import ResNet
from tests.explanation.cam.networks import MODELS, worn


def by_autograd(model: ResNet, images: Tensor, target: Tensor) -> Tensor:
    """Grad-CAM as its paper writes it, by a backward pass from the logits to the tap."""
    features = model.forward_features(images).detach().requires_grad_()
    chosen = model.forward_head(features).gather(1, target[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, features)
    weights = gradient.mean((2, 3), keepdim=True)
    return (weights * features).sum(1).detach()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(64, 64), (97, 70)])
def test_equals_autograd(name: str, size: tuple[int, int]) -> None:
    model = worn(name).double()
    images = torch.randn(4, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([0, 2, 1, 2])
    raw = grad_cam(model.forward_features(images), model.fc.weight, target).detach()
    torch.testing.assert_close(raw, by_autograd(model, images, target), rtol=1e-12, atol=1e-15)
    logits = model(images).gather(1, target[:, None])[:, 0]
    torch.testing.assert_close(raw.sum((1, 2)) + model.fc.bias[target], logits, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_equals_torchcam_and_captum(name: str) -> None:
    captum = pytest.importorskip("captum.attr")
    torchcam = pytest.importorskip("torchcam.methods")
    model = worn(name)
    images = torch.randn(3, 3, 70, 100, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([2, 0, 1])
    raw = grad_cam(model.forward_features(images), model.fc.weight, target).detach()
    theirs = captum.LayerGradCam(model, model.layer4).attribute(images, target=target)[:, 0].detach()
    torch.testing.assert_close(raw, theirs, rtol=1e-4, atol=1e-6)
    with torchcam.GradCAM(model, target_layer="layer4") as extractor:
        (maps,) = extractor(target.tolist(), model(images), normalized=False)
    torch.testing.assert_close(raw.clamp(min=0), maps.detach(), rtol=1e-4, atol=1e-6)


def test_by_hand() -> None:
    # Two channels of 1 x 2 positions; class 1 weighs them 1 and -2. raw = (W . A) / 2
    features = torch.tensor([[[[2.0, 0.0]], [[1.0, 3.0]]]])
    weight = torch.tensor([[5.0, 5.0], [1.0, -2.0]])
    assert grad_cam(features, weight, torch.tensor([1])).tolist() == [[[0.0, -3.0]]]
    assert grad_cam(features, weight, torch.tensor([0])).tolist() == [[[7.5, 7.5]]]


def test_one_by_one_and_in_any_order() -> None:
    features = torch.rand(5, 8, 3, 4, generator=torch.Generator().manual_seed(0))
    weight, target = torch.randn(2, 8), torch.tensor([0, 1, 1, 0, 1])
    whole = grad_cam(features, weight, target)
    for row in range(5):
        torch.testing.assert_close(
            whole[row : row + 1], grad_cam(features[row : row + 1], weight, target[row : row + 1])
        )
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(whole[order], grad_cam(features[order], weight, target[order]))


def test_nothing_of_the_model_changes() -> None:
    model = worn("resnet18+cbam").requires_grad_(False)
    with torch.inference_mode():
        raw = grad_cam(model.forward_features(torch.randn(2, 3, 64, 64)), model.fc.weight, torch.tensor([0, 1]))
    assert raw.shape == (2, 2, 2)
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())


def test_the_drawn_map_is_the_libraries() -> None:
    torchcam = pytest.importorskip("torchcam.methods")
    model = worn("resnet18")
    images = torch.randn(1, 3, 100, 100, generator=torch.Generator().manual_seed(1))
    with torchcam.GradCAM(model, target_layer="layer4") as extractor:
        (maps,) = extractor(0, model(images), normalized=False)
    large = torch.nn.functional.interpolate(maps[None].detach(), size=(100, 100), mode="bilinear")[0, 0]
    raw = grad_cam(model.forward_features(images), model.fc.weight, torch.tensor([0]))[0].detach().numpy()
    np.testing.assert_allclose(heat(raw, 100, 100), (large / large.max()).numpy(), atol=1e-5)
