"""SE, CBAM, GC and triplet: their dimensions, the maps that they show, SE's width."""

from __future__ import annotations

import pytest
import torch

from foveate.attention import create_attention
from foveate.errors import UsageError
from tests.attention.fast_forms import CASES, randomised


@pytest.mark.parametrize("case", ["se", "cbam", "gc", "gc both avg"])
@pytest.mark.parametrize(("dims", "shape"), [(1, (2, 32, 21)), (3, (2, 32, 4, 3, 5))])
def test_one_and_three_dimensions(case: str, dims: int, shape: tuple[int, ...]) -> None:
    name, options = CASES[case]
    block = create_attention(name, 32, dims=dims, **options)
    x = torch.randn(shape, requires_grad=True)
    y = block(x)
    y.sum().backward()
    assert y.shape == x.shape
    assert x.grad is not None
    for gate in block.attention(x).values():
        assert gate.dim() == 2 + dims
    with pytest.raises(UsageError, match="dims 1, 2 or 3, not 4"):
        create_attention(name, 32, dims=4)


@pytest.mark.parametrize(
    ("case", "shapes"),
    [
        ("se", {"channel": (2, 32, 1, 1)}),
        ("cbam", {"channel": (2, 32, 1, 1), "spatial": (2, 1, 6, 5)}),
        ("gc", {"context": (2, 1, 6, 5)}),
        ("gc both avg", {"context": (2, 1, 6, 5)}),
        ("triplet", {"spatial": (2, 1, 6, 5), "channel_width": (2, 32, 1, 5), "channel_height": (2, 32, 6, 1)}),
    ],
)
def test_attention_maps_rebuild_the_output(case: str, shapes: dict[str, tuple[int, ...]]) -> None:
    block, x = randomised(case, 32, torch.float32).eval(), torch.randn(2, 32, 6, 5)
    maps = block.attention(x)
    assert {name: tuple(gate.shape) for name, gate in maps.items()} == shapes
    assert not any(gate.requires_grad for gate in maps.values())
    if "context" in maps:
        torch.testing.assert_close(maps["context"].sum((2, 3)), torch.ones(2, 1))
        torch.testing.assert_close((maps["context"] * x).sum((2, 3)), block.context(x))
    elif case == "triplet":
        torch.testing.assert_close(block(x), x * sum(maps.values()) / 3)
    else:
        gate = torch.ones(())
        for factor in maps.values():
            gate = gate * factor
        torch.testing.assert_close(block(x), x * gate)


@pytest.mark.parametrize(
    ("channels", "reduction", "divisor", "hidden"), [(64, 16, 8, 8), (64, 16, 1, 4), (512, 16, 8, 32), (192, 16, 8, 16)]
)
def test_se_rounds_its_width(channels: int, reduction: int, divisor: int, hidden: int) -> None:
    assert create_attention("se", channels, reduction=reduction, divisor=divisor).reduce.out_features == hidden
    with pytest.raises(UsageError, match="at least 1"):
        create_attention("se", channels, divisor=0)
