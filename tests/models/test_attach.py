"""Attention in networks that are not ours: one written by hand with torchvision's names, and MONAI's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveate.attention import list_attention, options_of
from foveate.attention.base import Attention
from foveate.errors import UsageError
from foveate.models import create_model
from foveate.models.attach import attach


class Block(nn.Module):
    """A residual block as torchvision names its parts."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = nn.Conv2d(before, channels, 1, stride) if before != channels else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(x + shortcut)


class Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 64, 128)
        stages = [
            nn.Sequential(Block(widths[i], widths[i + 1], 1 if i == 0 else 2), Block(widths[i + 1], widths[i + 1], 1))
            for i in range(4)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.head = nn.Linear(128, 2)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        out: Tensor = self.head(x.mean((2, 3)))
        return out


@pytest.mark.parametrize("name", list_attention())
def test_every_mechanism_attaches(name: str) -> None:
    options = {"groups": 8} if name == "selective_kernel" else {"size": 4} if name == "botnet" else {}
    model = attach(Foreign(), name, attention_options=options)
    blocks = [module for module in model.modules() if isinstance(module, Attention)]
    model(torch.randn(2, 3, 32, 32)).sum().backward()
    assert len(blocks) == len(create_model("resnet18", attention=name).attention_blocks())
    assert all(parameter.grad is not None for block in blocks for parameter in block.parameters())


def test_an_attached_identity_changes_nothing() -> None:
    x = torch.randn(2, 3, 32, 32)
    for placement in ("before_addition", "after_conv2", "after_block", "between_stages", "after_stage"):
        model = Foreign().eval()
        before = model(x)
        torch.testing.assert_close(attach(model, "cbam", placement, init="identity")(x), before)


def test_it_stands_where_it_was_asked_to() -> None:
    plain: Any = Foreign().eval()
    x = torch.randn(1, 16, 8, 8)
    branch = plain.layer1[1].bn2(plain.layer1[1].conv2(F.relu(plain.layer1[1].bn1(plain.layer1[1].conv1(x)))))
    model: Any = attach(plain, "simam", "before_addition", stages=(1,))
    simam = model.layer1[1].bn2[1]
    assert type(simam).__name__ == "SimAM"
    torch.testing.assert_close(model.layer1[1](x), F.relu(simam(branch) + x))
    assert isinstance(model.layer2[1].bn2, nn.BatchNorm2d)


def test_ours_and_theirs_agree() -> None:
    ours = create_model("resnet18+se").eval()
    attached: Any = create_model("resnet18").eval()
    attach(attached, "se")
    state = {}
    for key, value in ours.state_dict().items():
        key = key.replace(".bn2.", ".bn2.0.").replace(".attention.", ".bn2.1.")  # the stem's norm is bn1
        state[key] = value
    attached.load_state_dict(state)
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(attached(x), ours(x))


def test_dtype_mode_and_randomness() -> None:
    state = torch.get_rng_state()
    models = [attach(Foreign().double().eval(), "cbam", generator=torch.Generator().manual_seed(4)) for _ in range(2)]
    blocks = [[m for m in model.modules() if isinstance(m, Attention)] for model in models]
    assert all(not block.training for block in blocks[0])
    for one, other in zip(*blocks, strict=True):
        for key, value in one.state_dict().items():
            assert value.dtype in (torch.float64, torch.int64)
            assert torch.equal(value, other.state_dict()[key])
    torch.set_rng_state(state)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (nn.Linear(3, 3), {}, "this Linear has no such layer1"),
        (Foreign(), {"attention": "cbm"}, "did you mean cbam"),
        (Foreign(), {"placement": "before_adition"}, "did you mean before_addition"),
        (Foreign(), {"placement": "replace_conv2"}, "mixes no neighbours"),
        (Foreign(), {"init": "he"}, "official, identity"),
        (Foreign(), {"attention": "selective_kernel"}, "do not divide 16 channels"),
    ],
)
def test_what_cannot_be_is_explained(model: nn.Module, arguments: dict[str, Any], message: str) -> None:
    before = list(model.state_dict())
    with pytest.raises(UsageError, match=message):
        attach(model, **{"attention": "cbam", **arguments})
    assert list(model.state_dict()) == before


def monai_resnet(dims: int) -> nn.Module:
    nets = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed")
    model: nn.Module = nets.ResNet(
        "basic", [1, 1, 1, 1], [8, 16, 16, 32], spatial_dims=dims, n_input_channels=1, num_classes=2
    )
    return model


@pytest.mark.parametrize("name", [name for name in list_attention() if "dims" in options_of(name)])
@pytest.mark.parametrize("dims", [2, 3])
def test_monai(name: str, dims: int) -> None:
    model = attach(monai_resnet(dims), name)
    assert sum(isinstance(module, Attention) for module in model.modules()) == 4
    assert model(torch.randn(2, 1, *[32] * dims)).shape == (2, 2)


def test_mechanisms_of_images_refuse_volumes() -> None:
    with pytest.raises(UsageError, match="eca works on images of two dimensions only; this network has 3"):
        attach(monai_resnet(3), "eca")
