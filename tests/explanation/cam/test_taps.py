"""The tail's gradient is the whole network's, and the network is left as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.explanation.cam import explain
from foveate.explanation.cam.taps import evaluating, features_at, gradient_at, taps
from foveate.models import resnet
from foveate.models.resnet import ResNet
from tests.explanation.cam.networks import noise, one_hot, worn

WEIGHTS = torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 1.0], [0.5, 2.0, 0.0]], dtype=torch.float64)
STAGES_AND_BLOCKS = [name for stage in "1234" for name in (f"layer{stage}", f"layer{stage}.0", f"layer{stage}.1")]


def by_the_whole_network(model: ResNet, images: Tensor, tap: str) -> tuple[Tensor, Tensor]:
    """Features and gradient at a tap, the graph kept from the first layer on."""
    found: list[Tensor] = []
    handle = model.get_submodule(tap).register_forward_hook(lambda _, __, output: found.append(output))
    logits = model(images.clone().requires_grad_())
    handle.remove()
    (gradient,) = torch.autograd.grad((logits * WEIGHTS).sum(), found[0])
    return found[0].detach(), gradient


def test_which_taps_there_are() -> None:
    assert taps(worn("resnet18")) == ["pooling", *STAGES_AND_BLOCKS]
    assert taps(worn("resnet18+se", stages=(3,)))[7:11] == [
        "layer3",
        "layer3.0",
        "layer3.0.attention",
        "layer3.1",
    ]
    assert "layer2.attention" in taps(worn("resnet18+bam"))
    assert "layer4.1.conv2" in taps(worn("resnet18+botnet"))


@pytest.mark.parametrize("name", ["resnet18", "resnet18+cbam", "resnet18+gc", "resnet18+ran", "resnet18+non_local"])
def test_the_tail_is_enough(name: str) -> None:
    model, images = worn(name).double(), noise(3, 3, 64, 50, dtype=torch.float64)
    for tap in taps(model)[1:]:
        features, gradient, logits = gradient_at(model, images, WEIGHTS, tap)
        whole_features, whole_gradient = by_the_whole_network(model, images, tap)
        torch.testing.assert_close(features, whole_features, rtol=1e-12, atol=1e-12, msg=tap)
        torch.testing.assert_close(gradient, whole_gradient, rtol=1e-12, atol=1e-14, msg=tap)
        assert gradient.abs().max() > 1e-6
        torch.testing.assert_close(logits, model(images).detach(), rtol=1e-12, atol=1e-12)
        assert not any(part.requires_grad for part in (features, gradient, logits))


@pytest.mark.parametrize("name", ["resnet18", "resnet18+cbam"])
def test_at_the_pooling_the_gradient_is_known(name: str) -> None:
    model, images = worn(name).double(), noise(3, 3, 70, 50, dtype=torch.float64)
    known = gradient_at(model, images, WEIGHTS, "pooling")
    for ours, theirs in zip(known, gradient_at(model, images, WEIGHTS, "layer4"), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_a_stage_with_attention_behind_it_ends_there() -> None:
    model, images = worn("resnet18+bam"), noise(1, 3, 64, 64)
    features, _ = features_at(model, images, "layer2")
    torch.testing.assert_close(features, features_at(model, images, "layer2.attention")[0])
    assert not torch.equal(features, features_at(model, images, "layer2.1")[0])


def in_place(self: resnet.BasicBlock, x: Tensor) -> Tensor:
    """A residual block as torchvision writes it: what the attention gave is overwritten twice."""
    shortcut = x if self.downsample is None else self.downsample(x)
    x = self.attend("before_addition", self.branch(x))
    x += shortcut
    return F.relu(x, inplace=True)


@pytest.mark.parametrize("tap", ["layer4.1.attention", "layer3.0.attention"])
def test_survives_what_is_done_in_place_behind_the_tap(tap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = worn("resnet18+se").double(), noise(3, 3, 64, 64, dtype=torch.float64)
    expected = gradient_at(model, images, WEIGHTS, tap)
    monkeypatch.setattr(resnet.BasicBlock, "forward", in_place)
    for ours, theirs in zip(gradient_at(model, images, WEIGHTS, tap), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    assert expected[0].min() < 0  # a ReLU in place would show
    assert torch.equal(features_at(model, images, tap)[0], expected[0])


@pytest.mark.parametrize("tap", ["pooling", "layer2.1", "layer3.1.attention"])
@pytest.mark.parametrize("frozen", [True, False])
def test_nothing_of_the_network_changes(tap: str, frozen: bool) -> None:
    model = worn("resnet18+cbam").requires_grad_(not frozen).train()
    model.layer1.eval()  # a mode that is not the whole network's
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = {name: module.training for name, module in model.named_modules()}
    images, weights = noise(2, 3, 64, 64), one_hot(torch.tensor([0, 2]))
    raw, logits = explain(model, images, weights, "hires_cam", tap)
    with torch.inference_mode():
        again, _ = explain(model, images.clone(), weights.clone(), "hires_cam", tap)
        assert torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    torch.testing.assert_close(raw, again)
    assert not raw.requires_grad
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad != frozen for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    torch.testing.assert_close(logits, model.eval()(images).detach())


@pytest.mark.parametrize("method", ["grad_cam", "eigen_cam", "attention"])
def test_nothing_is_left_behind_by_a_failure(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = worn("resnet18+cbam").train()

    def fail(*_: Any) -> Tensor:
        raise RuntimeError("no memory")

    monkeypatch.setattr(model, "forward_head", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        explain(model, noise(1, 3, 64, 64), one_hot(torch.tensor([0])), method, "layer3.1")
    assert model.training
    assert torch.is_grad_enabled()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_evaluating_restores_each_modules_mode() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    model[1].eval()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, False, False]


@pytest.mark.parametrize("tap", ["layer5", "conv1", "layer3.1.attention", ""])
def test_an_unknown_tap_is_refused_with_the_ones_there_are(tap: str) -> None:
    with pytest.raises(UsageError, match=r"no tap .*pooling, layer1, layer1\.0, .*layer4\.1\."):
        explain(worn("resnet18"), noise(1, 3, 64, 64), one_hot(torch.tensor([0])), tap=tap)
