"""Attention stands where it is asked to, in every backbone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from foveate.attention import list_attention, mechanism_of
from foveate.attention.base import Attention
from foveate.errors import UsageError
from foveate.models import create_model
from foveate.models.placement import PLACEMENTS


def order_of_calls(model: nn.Module, x: torch.Tensor) -> list[str]:
    """Names of the leaves and attention blocks in the order in which they run."""
    calls: list[str] = []
    for name, module in model.named_modules():
        inside = isinstance(model.get_submodule(name.rpartition(".")[0]), Attention)
        if not inside and (isinstance(module, Attention) or not list(module.children())):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    model(x)
    return calls


@pytest.mark.parametrize(
    ("placement", "before", "attention", "after"),
    [
        ("before_addition", "layer2.1.bn2", "layer2.1.attention", "layer3.0.conv1"),
        ("after_conv2", "layer2.1.conv2", "layer2.1.attention", "layer2.1.bn2"),
        ("after_block", "layer2.1.bn2", "layer2.1.attention", "layer3.0.conv1"),
        ("between_stages", "layer2.1.bn2", "layer2.attention", "layer3.0.conv1"),
        ("after_stage", "layer2.1.bn2", "layer2.attention", "layer3.0.conv1"),
    ],
)
def test_where_a_gate_stands(placement: str, before: str, attention: str, after: str) -> None:
    model = create_model("resnet18+eca", placement=placement).eval()
    calls = order_of_calls(model, torch.randn(1, 3, 64, 64))
    calls = [name for name in calls if "downsample" not in name]
    place = calls.index(attention)
    assert calls[place - 1] == before
    assert calls[place + 1] == after


def test_before_the_addition_is_not_after_the_block() -> None:
    x = torch.randn(1, 3, 64, 64)
    outputs = []
    for placement in ("before_addition", "after_block"):
        model = create_model("resnet18+simam", placement=placement, generator=torch.Generator().manual_seed(0)).eval()
        block: Any = model.layer1[0]
        inside: dict[str, torch.Tensor] = {}
        block.attention.register_forward_hook(lambda _, given, __, inside=inside: inside.update(x=given[0]))
        outputs.append(model(x))
        assert bool((inside["x"] >= 0).all()) == (placement == "after_block")  # behind the ReLU or before it
    assert not torch.allclose(*outputs)


@pytest.mark.parametrize("stages", [(1,), (2, 4), (1, 2, 3, 4)])
def test_stages(stages: tuple[int, ...]) -> None:
    model = create_model("resnet18+se", stages=stages)
    assert {int(name[5]) for name in model.attention_blocks()} == set(stages)


def test_each_mechanism_has_its_own_place() -> None:
    def places(name: str) -> list[str]:
        return list(create_model("resnet34", attention=name).attention_blocks())

    assert places("bam") == ["layer1.attention", "layer2.attention", "layer3.attention"]
    assert places("criss_cross") == ["layer4.attention"]
    assert places("non_local") == [
        "layer2.1.attention", "layer2.3.attention", "layer3.1.attention", "layer3.3.attention", "layer3.5.attention",
    ]  # fmt: skip
    assert places("botnet") == ["layer4.0.conv2", "layer4.1.conv2", "layer4.2.conv2"]
    assert places("ran") == ["layer1.attention", "layer2.attention", "layer3.attention"]
    assert len(places("selective_kernel")) == len(places("simam")) == len(places("se")) == 16
    assert create_model("resnet18+simam").layer1[0].where == "after_conv2"


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        *(("resnet18", name) for name in list_attention()),
        *(("resnet50", name) for name in ("se", "botnet", "selective_kernel")),
    ],
)
def test_every_mechanism_trains(backbone: str, name: str) -> None:
    model = create_model(backbone, attention=name, pixels=65)
    model(torch.randn(2, 3, 65, 65)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("name", list_attention())
def test_every_mechanism_stands_everywhere_or_says_why_not(name: str) -> None:
    for placement in PLACEMENTS:
        mechanism = mechanism_of(name)
        impossible = (placement == "replace_conv2" and not mechanism.replaces_convolution) or (
            placement == "around_stage" and name != "ran"
        )
        # A fixed size fits where all maps of a stage have it.
        options: dict[str, Any] = {"stages": (4,)} if placement != "between_stages" else {"stages": (3,)}
        if placement == "default":
            options = {}
        if impossible:
            with pytest.raises(UsageError, match=f"{name} cannot stand"):
                create_model("resnet18", attention=name, placement=placement, **options)
        else:
            model = create_model("resnet18", attention=name, placement=placement, pixels=64, **options).eval()
            assert model.attention_blocks()
            assert torch.isfinite(model(torch.randn(1, 3, 64, 64))).all()


def test_ran_gates_what_comes_after_the_first_block() -> None:
    model: Any = create_model("resnet18+ran").eval()
    x = torch.randn(1, 64, 16, 16)
    first = model.layer1[0](x)
    expected = model.layer1[1](first) * (1 + model.layer1.attention.mask(first))
    torch.testing.assert_close(model.layer1(x), expected)


def test_official_ecas_kernels_by_stage() -> None:
    model: Any = create_model("resnet18+eca", attention_options={"kernel_size": [3, 5, 7, 7]})
    stages = (model.layer1, model.layer2, model.layer3, model.layer4)
    assert [stage[1].attention.conv.kernel_size[0] for stage in stages] == [3, 5, 7, 7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet18+botnet", "stages": (1, 2)}, "botnet stands in stage 4 by default"),
        ({"name": "resnet18+se", "placement": "between_stages", "stages": (4,)}, "there is no other stage"),
        ({"name": "resnet18+se", "stages": ()}, "not none"),
        ({"name": "resnet18+eca", "attention_options": {"kernel_size": [3, 5]}}, "each of the four stages"),
    ],
)
def test_impossible_places_are_explained(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_model(**arguments)


def test_identity_models_start_as_the_plain_network() -> None:
    x = torch.randn(2, 3, 64, 64)
    for name in ("se", "cbam", "srm", "bam", "coordinate"):
        model = create_model("resnet18", attention=name, init="identity")
        plain = create_model("resnet18")
        plain.load_state_dict({key: model.state_dict()[key] for key in plain.state_dict()})
        torch.testing.assert_close(model.eval()(x), plain.eval()(x), rtol=1e-4, atol=1e-4)
