"""Each method is its formula: by hand, and as the libraries have it where they have it right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from foveate.errors import UsageError
from foveate.explanation.cam import METHODS, explain
from foveate.explanation.cam import grad_cam as closed_form
from foveate.explanation.cam.methods.eigen_cam import principal
from foveate.explanation.cam.methods.grad_cam import grad_cam
from foveate.explanation.cam.methods.grad_cam_plus_plus import grad_cam_plus_plus
from foveate.explanation.cam.methods.hires_cam import hires_cam
from foveate.explanation.cam.methods.layer_cam import layer_cam
from foveate.explanation.cam.taps import features_at
from foveate.explanation.heatmaps import CLASS_FREE, enlarge
from foveate.models.resnet import ResNet
from tests.explanation.cam.networks import MODELS, noise, one_hot, worn

TARGET = torch.tensor([2, 0, 1])
TAPS = ["pooling", "layer3", "layer2.0"]


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    """Equal to 1e-5 of the largest value."""
    assert ours.abs().max() > 1e-6
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-5 * float(ours.abs().max()))


# One image, two channels of 1 x 2 positions.
FEATURES = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
GRADIENT = torch.tensor([[[[0.5, -1.5]], [[1.0, 2.0]]]])


@pytest.mark.parametrize(
    ("formula", "raw"),
    [
        (grad_cam, [-0.5 * 1 + 1.5 * 3, -0.5 * 2]),  # means of the gradient: -0.5 and 1.5
        (hires_cam, [0.5 * 1 + 1 * 3, -1.5 * 2 + 2 * 0]),
        (layer_cam, [0.5 * 1 + 1 * 3, 0 * 2 + 2 * 0]),
        # Both channels sum to 3. alpha = 1 / (2 + 3 g): 1/3.5 for g = 0.5, 1/5 for 1, 1/8 for 2; g = -1.5 is cut off.
        (grad_cam_plus_plus, [0.5 / 3.5 * 1 + (1 / 5 + 2 / 8) * 3, 0.5 / 3.5 * 2]),
    ],
)
def test_by_hand(formula: Callable[[Tensor, Tensor], Tensor], raw: list[float]) -> None:
    torch.testing.assert_close(formula(FEATURES, GRADIENT), torch.tensor([[raw]]))


@pytest.mark.parametrize("formula", [grad_cam, hires_cam, layer_cam, grad_cam_plus_plus])
def test_no_gradient_no_evidence_and_one_pixel(formula: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert not formula(FEATURES, torch.zeros_like(FEATURES)).any()
    assert formula(FEATURES[..., :1], GRADIENT[..., :1]).shape == (1, 1, 1)


def test_grad_cam_plus_plus_has_no_infinite_weight() -> None:
    # g sum A = -2 would divide by 0; that channel is left out.
    features, gradient = torch.tensor([[[[-1.0, -1.0]], [[1.0, 0.0]]]]), torch.ones(1, 2, 1, 2)
    torch.testing.assert_close(grad_cam_plus_plus(features, gradient), torch.tensor([[[2 / 3, 0.0]]]))


def test_grad_cam_plus_plus_by_third_derivatives() -> None:
    # The definition behind Eq. 19, with Y = exp(S): alpha = Y'' / (2 Y'' + sum A Y'''), w = sum alpha relu(Y').
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(1, 2, 2, 3, generator=generator, dtype=torch.float64)
    kernel = torch.randn(3, 2, 2, 2, generator=generator, dtype=torch.float64)

    def log_score(a: Tensor) -> Tensor:
        return torch.relu(torch.nn.functional.conv2d(a, kernel)).sum()

    def derivatives(place: int) -> list[Tensor]:
        """dY, d2Y and d3Y by one entry of the features."""
        entry = features.flatten()[place].clone().requires_grad_()
        value = torch.exp(log_score(features.flatten().index_put((torch.tensor(place),), entry).view_as(features)))
        found = []
        for _ in range(3):
            (value,) = torch.autograd.grad(value, entry, create_graph=True)
            found.append(value.detach())
        return found

    first, second, third = (
        torch.stack(part).view_as(features)
        for part in zip(*(derivatives(place) for place in range(features.numel())), strict=True)
    )
    assert (first < 0).any()
    alpha = second / (2 * second + features.sum((2, 3), keepdim=True) * third)
    alpha = torch.where(first == 0, 0, alpha)  # 0 / 0
    weights = (alpha * first.clamp(min=0)).sum((2, 3), keepdim=True) / torch.exp(log_score(features))
    gradient = first / torch.exp(log_score(features))
    expected = (weights * features).sum(1)
    torch.testing.assert_close(grad_cam_plus_plus(features, gradient), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("tap", TAPS)
@pytest.mark.parametrize("name", MODELS)
def test_equal_to_captum(name: str, tap: str) -> None:
    captum = pytest.importorskip("captum.attr")
    model, images = worn(name), noise(3, 3, 70, 100)
    layer = model.get_submodule("layer4" if tap == "pooling" else tap)
    raw, _ = explain(model, images, one_hot(TARGET), "grad_cam", tap)
    assert_same(raw, captum.LayerGradCam(model, layer).attribute(images, target=TARGET)[:, 0])
    raw, _ = explain(model, images, one_hot(TARGET), "hires_cam", tap)
    assert_same(raw, captum.LayerGradientXActivation(model, layer).attribute(images, target=TARGET).sum(1))


# Only taps whose output nothing changes in place: there torchcam would give the map of another layer.
@pytest.mark.parametrize("tap", TAPS)
@pytest.mark.parametrize(("method", "theirs"), [("grad_cam", "GradCAM"), ("layer_cam", "LayerCAM")])
def test_equal_to_torchcam(method: str, theirs: str, tap: str) -> None:
    torchcam = pytest.importorskip("torchcam.methods")
    model, images = worn("resnet18+cbam"), noise(3, 3, 70, 100)
    raw, _ = explain(model, images, one_hot(TARGET), method, tap)
    with getattr(torchcam, theirs)(model, target_layer="layer4" if tap == "pooling" else tap) as extractor:
        (maps,) = extractor(TARGET.tolist(), model(images), normalized=False)
    assert_same(raw.clamp(min=0), maps)


def test_grad_cam_plus_plus_equal_to_torchcam() -> None:
    # torchcam's own GradCAMpp divides a copy of alpha, so that its alpha is g^2. Its SmoothGradCAMpp does divide:
    # with one sample and next to no noise it is Grad-CAM++, where the gradient is the same at all positions.
    torchcam = pytest.importorskip("torchcam.methods")
    model, images = worn("resnet18+se"), noise(3, 3, 70, 100)
    raw, _ = explain(model, images, one_hot(TARGET), "grad_cam_plus_plus")
    with torchcam.SmoothGradCAMpp(model, target_layer="layer4", num_samples=1, std=1e-12) as extractor:
        model(images)
        (maps,) = extractor(TARGET.tolist(), normalized=False, eps=0.0)
    assert_same(raw, maps)


@pytest.mark.parametrize("tap", ["pooling", "layer4.0"])
def test_score_cam_equal_to_torchcam(tap: str) -> None:
    # torchcam stretches the masks before it enlarges them. At 75 pixels a mask of 3 x 3 is enlarged 25 times, an odd
    # number: the middle of each of its cells is hit, and both orders are the same.
    torchcam = pytest.importorskip("torchcam.methods")
    model, images = worn("resnet18+se"), noise(3, 3, 75, 75)
    raw, _ = explain(model, images, one_hot(TARGET), "score_cam", tap)
    with torchcam.ScoreCAM(model, target_layer="layer4" if tap == "pooling" else tap) as extractor, torch.no_grad():
        model(images)
        (maps,) = extractor(TARGET.tolist(), normalized=False)
    assert_same(raw.clamp(min=0), maps)


def test_score_cam_stretches_its_masks_after_they_are_enlarged() -> None:
    model, images = worn("resnet18+gc"), noise(1, 3, 64, 80)  # enlarged 16 times: no cell's middle is hit
    features, logits = features_at(model, images, "layer3")
    scores = []
    for channel in features[0].detach().numpy():
        large = enlarge(channel, 64, 80)
        mask = (large - large.min()) / np.ptp(large) if np.ptp(large) > 0 else np.zeros_like(large)
        scores.append(model(images * torch.from_numpy(mask).float())[0, 2] - logits[0, 2])
    share = torch.softmax(torch.stack(scores), 0)
    raw, _ = explain(model, images, one_hot(torch.tensor([2])), "score_cam", "layer3")
    assert_same(raw[0], (share[:, None, None] * features[0]).sum(0))


class BrightestCorner(ResNet):
    """A network whose features are two copies of the image, the second upside down, and whose logit is a sum."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def forward_features(self, x: Tensor) -> Tensor:
        return torch.cat([x, x.flip(2), torch.ones_like(x)], dim=1)

    def forward_head(self, features: Tensor) -> Tensor:
        total = features[:, 0].sum((1, 2))
        return torch.stack([total, -total], dim=1)


def test_score_cam_by_hand() -> None:
    # The image is its own first channel, 0 1 / 2 4. Masks: 0 1/4 / 1/2 1, its rows swapped 1/2 1 / 0 1/4, and none
    # (no contrast). Scores of the masked image: 0.25 + 1 + 4 = 5.25; 1 + 1 = 2; 0.
    image = torch.tensor([[[[0.0, 1.0], [2.0, 4.0]]]])
    share = torch.softmax(torch.tensor([5.25, 2.0, 0.0]), 0)
    expected = share[0] * image[0, 0] + share[1] * image[0, 0].flip(0) + share[2]
    raw, logits = METHODS["score_cam"](BrightestCorner(), image, torch.tensor([[1.0, 0.0]]), "pooling")
    torch.testing.assert_close(raw[0], expected)
    assert logits.tolist() == [[7.0, -7.0]]


@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (2, 30, 3, 4), (2, 1, 3, 4), (2, 6, 1, 1)])
@pytest.mark.parametrize("rectified", [True, False])
def test_eigen_cam_is_the_first_singular_vector(shape: tuple[int, ...], rectified: bool) -> None:
    features = noise(*shape).abs() if rectified else noise(*shape)
    for one, raw in zip(features.numpy(), principal(features).numpy(), strict=True):
        left, sizes, _ = np.linalg.svd(one.reshape(shape[1], -1).T.astype(np.float64))
        expected = left[:, 0] * sizes[0]
        expected = expected * np.sign(expected[np.abs(expected).argmax()])
        np.testing.assert_allclose(raw.ravel(), expected, rtol=1e-5, atol=1e-5)
        assert raw.max() == np.abs(raw).max()
        assert not rectified or raw.min() >= 0


def test_eigen_cam_by_hand() -> None:
    # One channel: the map is the channel itself, turned so that its largest value is positive. Nothing: nothing.
    assert principal(torch.tensor([[[[1.0, -3.0]]]])).tolist() == [[[-1.0, 3.0]]]
    assert principal(torch.tensor([[[[2.0, 1.0]], [[4.0, 2.0]]]])).flatten().tolist() == pytest.approx(
        [20**0.5, 5**0.5]
    )
    assert not principal(torch.zeros(1, 3, 2, 2)).any()


@pytest.mark.parametrize("name", MODELS)
def test_at_the_pooling_the_map_sums_to_the_score(name: str) -> None:
    model, images = worn(name).double(), noise(3, 3, 70, 100, dtype=torch.float64)
    weights = torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64).expand(3, -1)  # a contrast
    for method in ("grad_cam", "hires_cam"):
        raw, logits = explain(model, images, weights, method)
        score = (weights * (logits - model.fc.bias)).sum(1)
        torch.testing.assert_close(raw.sum((1, 2)), score.detach(), rtol=1e-12, atol=1e-12)
    raw, _ = explain(model, images, one_hot(TARGET))
    expected = closed_form(model.forward_features(images), model.fc.weight, TARGET)
    torch.testing.assert_close(raw, expected.detach(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tap", ["pooling", "layer3.1"])
def test_one_by_one_is_all_at_once(method: str, tap: str) -> None:
    model, images = worn("resnet18+cbam").double(), noise(3, 3, 64, 64, dtype=torch.float64)
    weights = one_hot(TARGET)
    raw, logits = explain(model, images, lambda _: weights, method, tap)
    assert raw.shape == (3, 4, 4) if tap != "pooling" or method == "attention" else (3, 2, 2)
    for row in range(3):
        one, one_logits = explain(model, images[row : row + 1], weights[row : row + 1], method, tap)
        torch.testing.assert_close(raw[row : row + 1], one)
        torch.testing.assert_close(logits[row : row + 1], one_logits)


@pytest.mark.parametrize("method", METHODS)
def test_only_class_free_methods_forget_the_class(method: str) -> None:
    model, images = worn("resnet18+cbam"), noise(2, 3, 64, 64)
    first, second = (explain(model, images, one_hot(torch.tensor([c, c])), method)[0] for c in (0, 1))
    assert torch.equal(first, second) == (method in CLASS_FREE)


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'gradcam': known are grad_cam, hires_cam, .*attention"):
        explain(worn("resnet18"), noise(1, 3, 64, 64), one_hot(torch.tensor([0])), "gradcam")
