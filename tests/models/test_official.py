"""Whole networks under the key names of those who published them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foveate.errors import UsageError
from foveate.models import create_model
from foveate.models.official import fit_weights

Change = Callable[[str, Tensor], Tensor]

# Our key inside a block -> the published one, by hand from each original's module names.
CBAM = {
    "reduce": "ChannelGate.mlp.1", "expand": "ChannelGate.mlp.3",
    "conv": "SpatialGate.spatial.conv", "norm": "SpatialGate.spatial.bn",
}  # fmt: skip
GC = {
    "mask": "conv_mask", "add.reduce": "channel_add_conv.0", "add.norm": "channel_add_conv.1",
    "add.expand": "channel_add_conv.3",
}  # fmt: skip
BAM = {
    "reduce": "channel_att.gate_c.gate_c_fc_0", "norm": "channel_att.gate_c.gate_c_bn_1",
    "expand": "channel_att.gate_c.gate_c_fc_final", "convs.0": "spatial_att.gate_s.gate_s_conv_reduce0",
    "norms.0": "spatial_att.gate_s.gate_s_bn_reduce0", "convs.1": "spatial_att.gate_s.gate_s_conv_di_0",
    "norms.1": "spatial_att.gate_s.gate_s_bn_di_0", "convs.2": "spatial_att.gate_s.gate_s_conv_di_1",
    "norms.2": "spatial_att.gate_s.gate_s_bn_di_1", "last": "spatial_att.gate_s.gate_s_conv_final",
}  # fmt: skip


def published(model: nn.Module, attribute: str, names: dict[str, str], change: Change) -> dict[str, Tensor]:
    """The model's weights as its original's checkpoint would hold them."""
    state = {}
    for key, value in model.state_dict().items():
        place, inside, own = key.partition(".attention.")
        if not inside:
            state[f"module.{key}"] = value
            continue
        ours = next(name for name in sorted(names, key=len, reverse=True) if own == name or own.startswith(f"{name}."))
        where = f"{place}.{attribute}" if "." in place else f"{attribute}{place[-1]}"
        state[f"module.{where}.{names[ours]}{own.removeprefix(ours)}"] = change(own, value)
    return state


def as_convolution(key: str, value: Tensor) -> Tensor:
    return value[:, :, None, None] if value.dim() == 2 else value


def as_gcnet(key: str, value: Tensor) -> Tensor:
    return value[:, None, None] if ".norm." in key else as_convolution(key, value)


def unchanged(key: str, value: Tensor) -> Tensor:
    return value


CASES: list[tuple[str, dict[str, Any], str, dict[str, str], Change]] = [
    ("resnet18+cbam", {}, "cbam", CBAM, unchanged),
    ("resnet50+cbam", {}, "cbam", CBAM, unchanged),
    ("resnet18+eca", {"kernel_size": [3, 5, 7, 7]}, "eca", {"conv": "conv"}, unchanged),
    ("resnet50+eca", {"kernel_size": [3, 5, 5, 7]}, "eca", {"conv": "conv"}, unchanged),
    ("resnet18+se", {"bias": False}, "se", {"reduce": "fc.0", "expand": "fc.2"}, unchanged),  # moskomule
    ("resnet50+gc", {}, "context_block", GC, as_gcnet),
    ("resnet18+bam", {}, "bam", BAM, unchanged),
    ("resnet18+srm", {}, "rclb", {"weight": "cfc", "norm": "bn"}, unchanged),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_published_networks_load(case: tuple[str, dict[str, Any], str, dict[str, str], Change]) -> None:
    name, options, attribute, names, change = case
    stages = (2, 3, 4) if name == "resnet50+gc" else (1, 2, 3, 4)
    source = create_model(name, attention_options=options, stages=stages)
    for value in source.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.randn_like(value) * 0.1).abs_()
    state = published(source, attribute, names, change)
    model = create_model(name, attention_options=options, stages=stages)
    fit_weights(model, state)
    for key, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[key], value), key


def test_a_head_for_other_classes_is_left_out() -> None:
    source, model = create_model("resnet18+cbam", num_classes=7), create_model("resnet18+cbam")
    head = model.fc.weight.clone()
    fit_weights(model, published(source, "cbam", CBAM, unchanged))
    assert torch.equal(model.fc.weight, head)
    assert torch.equal(model.conv1.weight, source.conv1.weight)


@pytest.mark.parametrize(
    ("wanted", "attribute", "names", "message"),
    [
        ("resnet18+se", "cbam", CBAM, "not the weights of this SqueezeExcitation: .* is missing"),
        ("resnet18", "cbam", CBAM, r"layer1\.0\.cbam\.ChannelGate\.mlp\.1\.weight is unknown"),
        ("resnet34+cbam", "cbam", CBAM, "is missing"),
    ],
)
def test_weights_of_another_network_are_refused_and_change_nothing(
    wanted: str, attribute: str, names: dict[str, str], message: str
) -> None:
    state = published(create_model("resnet18+cbam"), attribute, names, unchanged)
    model = create_model(wanted)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UsageError, match=message):
        fit_weights(model, state, "cbam.safetensors")
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
