"""Attention maps of a network: taken at the blocks, drawn where they have a place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foveate.attention import list_attention
from foveate.explanation.attention_maps import attention_maps, drawn, last_of_each_stage
from foveate.models import create_model


@pytest.mark.parametrize("name", list_attention())
def test_every_block_tells_its_maps_and_can_be_drawn(name: str) -> None:
    model = create_model("resnet18", attention=name, pixels=64).train()
    images = torch.randn(3, 3, 64, 64)
    maps = attention_maps(model, images)
    assert model.training
    assert not any(block._forward_pre_hooks for block in model.attention_blocks().values())
    assert maps.keys() == model.attention_blocks().keys()
    for place in last_of_each_stage(model):
        one = drawn(maps[place])
        picture = one.positions if one.positions is not None else one.channels
        assert picture is not None
        assert len(picture) == 3
        assert np.isfinite(picture).all()


def test_the_map_is_that_of_the_blocks_own_input() -> None:
    model = create_model("resnet18", attention="gc", stages=(1,)).eval()
    images = torch.randn(2, 3, 64, 64)
    block = model.attention_blocks()["layer1.0.attention"]
    inputs: list[torch.Tensor] = []
    handle = block.register_forward_hook(lambda _, given, __: inputs.append(given[0]))
    maps = attention_maps(model, images)
    handle.remove()
    torch.testing.assert_close(maps["layer1.0.attention"]["context"], block.attention(inputs[0])["context"])


def test_the_last_block_of_each_stage() -> None:
    assert last_of_each_stage(create_model("resnet18+se", stages=(2, 4))) == [
        "layer2.1.attention",
        "layer4.1.attention",
    ]
    assert last_of_each_stage(create_model("resnet18+bam"))[0] == "layer1.attention"
    assert last_of_each_stage(create_model("resnet18")) == []


def test_what_is_drawn() -> None:
    channel, spatial = torch.rand(2, 4, 1, 1), torch.rand(2, 1, 3, 5)
    both = drawn({"channel": channel, "spatial": spatial})
    assert both.kind == "spatial"
    assert both.positions is not None
    np.testing.assert_allclose(both.positions, spatial[:, 0])
    alone = drawn({"channel": channel})
    assert alone.positions is None
    assert alone.channels is not None
    np.testing.assert_allclose(alone.channels, channel[:, :, 0, 0])
    rows, columns = torch.rand(2, 4, 3, 1), torch.rand(2, 4, 1, 5)
    crossed = drawn({"height": rows, "width": columns})
    assert crossed.kind == "height and width"
    assert crossed.positions is not None
    expected = (rows.mean(1) + columns.mean(1)) / 2
    np.testing.assert_allclose(crossed.positions, expected, rtol=1e-6)
