"""The attention blocks' own maps as heat-maps."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from foveate.attention import create_attention, list_attention
from foveate.errors import UsageError
from foveate.explanation.attention_maps import attention_maps, drawn
from foveate.explanation.cam import explain
from foveate.explanation.cam.blocks import map_over_positions
from foveate.models.resnet import ResNet
from tests.explanation.cam.networks import noise, one_hot, worn

IMAGES = noise(2, 3, 64, 64)
WEIGHTS = one_hot(torch.tensor([0, 1]))
CHANNELS_ALONE = {"se", "eca", "srm", "selective_kernel", "gather_excite"}


def attend(model: ResNet, tap: str = "pooling") -> torch.Tensor:
    return explain(model, IMAGES, WEIGHTS, "attention", tap)[0]


@pytest.mark.parametrize("name", list_attention())
def test_every_mechanism_gives_a_map_or_says_that_it_has_none(name: str) -> None:
    model = worn("resnet18+selective_kernel", groups=4) if name == "selective_kernel" else worn(f"resnet18+{name}")
    if name in CHANNELS_ALONE:
        with pytest.raises(UsageError, match="no attention map over positions in this network: .* channels alone"):
            attend(model)
        return
    raw = attend(model)
    finer = any(not place.startswith("layer4") for place in model.attention_blocks())
    assert raw.shape == ((2, 4, 4) if finer else (2, 2, 2)) or name == "non_local"
    assert torch.isfinite(raw).all()


def test_a_gate_is_the_blocks_own() -> None:
    model = worn("resnet18+cbam")
    maps = attention_maps(model, IMAGES)
    for tap, place in [
        ("pooling", "layer3.1.attention"),
        ("layer2", "layer2.1.attention"),
        ("layer2.0", "layer2.0.attention"),
        ("layer1.0.attention", "layer1.0.attention"),
        ("layer4", "layer4.1.attention"),
    ]:
        torch.testing.assert_close(attend(model, tap), torch.from_numpy(drawn(maps[place]).positions))
    assert attend(model, "layer1").shape == (2, 16, 16)  # finer than the last feature map of 2 x 2


def test_the_last_stage_where_no_other_has_a_map() -> None:
    model = worn("resnet18+cbam", stages=(4,))
    torch.testing.assert_close(attend(model), attend(model, "layer4.1.attention"))


@pytest.mark.parametrize("name", ["criss_cross", "non_local", "botnet"])
def test_an_affinity_is_the_mean_over_all_queries(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foveate.explanation.cam.blocks.QUERIES", 7)  # not a divisor of 16
    options: dict[str, Any] = {"size": (4, 4)} if name == "botnet" else {}
    block: Any = create_attention(name, 16, **options)
    x = noise(2, 16, 4, 4)
    found = map_over_positions(block, x)
    each = [block.attention(x, queries=[(i, j)])["affinity"][:, 0] for i in range(4) for j in range(4)]
    assert found is not None
    torch.testing.assert_close(found, torch.stack(each).mean(0).detach())
    if name != "non_local":
        torch.testing.assert_close(found.sum((1, 2)), torch.ones(2))  # each query shares out 1


def test_networks_and_taps_without_attention() -> None:
    with pytest.raises(UsageError, match="no attention blocks"):
        attend(worn("resnet18"))
    model = worn("resnet18+gc", stages=(2, 3))
    with pytest.raises(UsageError, match=r"no attention block at layer1: they stand at layer2\.0\.attention, "):
        attend(model, "layer1")
    with pytest.raises(UsageError, match="positions at layer4: .* channels alone"):
        attend(worn("resnet18+se"), "layer4")
