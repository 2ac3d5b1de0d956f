"""What every attention block owes its user, and how the paper's three begin."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.attention import create_attention, list_attention
from foveate.attention.base import Attention, hidden_channels, spatial_max
from foveate.errors import UsageError


def randomised(name: str, channels: int) -> Attention:
    """A block far from its initialisation, where some blocks are the identity."""
    block = create_attention(name, channels)
    generator = torch.Generator().manual_seed(0)
    for parameter in block.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5
    return block


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(list_attention()),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9)),
)
def test_keeps_shape_and_is_finite(name: str, shape: tuple[int, int, int, int]) -> None:
    y = randomised(name, shape[1]).eval()(torch.randn(shape))
    assert y.shape == shape
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("name", list_attention())
def test_images_of_a_batch_do_not_mix(name: str) -> None:
    # Seeded: where a norm over few hidden units is nearly constant, float32 rounding is magnified.
    x = torch.randn(4, 32, 6, 5, generator=torch.Generator().manual_seed(0))
    block = randomised(name, 32).eval()
    one_by_one = torch.cat([block(image[None]) for image in x])
    torch.testing.assert_close(block(x), one_by_one)


@pytest.mark.parametrize("name", list_attention())
def test_keeps_dtype_and_memory_format(name: str) -> None:
    x = torch.randn(2, 32, 8, 8).to(memory_format=torch.channels_last)
    assert randomised(name, 32)(x).is_contiguous(memory_format=torch.channels_last)
    half = randomised(name, 32).to(torch.bfloat16)
    assert half(x.to(torch.bfloat16)).dtype == torch.bfloat16
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert randomised(name, 32)(x.to(torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("name", list_attention())
def test_initialisation_comes_from_the_generator_alone(name: str) -> None:
    block = create_attention(name, 64)
    states = []
    for _ in range(2):
        before = torch.get_rng_state()
        block.reset_parameters(torch.Generator().manual_seed(3))
        assert torch.equal(before, torch.get_rng_state())
        states.append({key: value.clone() for key, value in block.state_dict().items()})
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize(("name", "gain"), [("se", 0.50), ("cbam", 0.25), ("gc", 1.0), ("triplet", 0.51)])
def test_initial_gain_is_the_originals(name: str, gain: float) -> None:
    # ||out|| / ||in|| of N(0, 1) at 64 channels, measured on the authors' code.
    x = torch.randn(8, 64, 16, 16, generator=torch.Generator().manual_seed(0))
    block, gains = create_attention(name, 64), []
    for seed in range(20):
        block.reset_parameters(torch.Generator().manual_seed(seed))
        gains.append((block(x).norm() / x.norm()).item())
    assert sum(gains) / len(gains) == pytest.approx(gain, abs=0.02)


def test_gc_starts_as_the_identity() -> None:
    x = torch.randn(2, 64, 5, 7)
    assert torch.equal(create_attention("gc", 64)(x), x)


def test_cbam_starts_with_an_even_spatial_gate() -> None:
    block = create_attention("cbam", 64)
    assert block.norm.weight.item() == 0.0
    assert torch.equal(block.spatial_gate(torch.randn(2, 64, 5, 7)), torch.full((2, 1, 5, 7), 0.5))


def test_spatial_max_sends_the_gradient_to_the_first_of_equals() -> None:
    x = torch.ones(1, 1, 2, 3, requires_grad=True)
    spatial_max(x).sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("channels", "ratio", "hidden"), [(64, 1 / 16, 4), (8, 1 / 16, 1), (100, 0.25, 25), (1, 1, 1)])
def test_hidden_channels(channels: int, ratio: float, hidden: int) -> None:
    assert hidden_channels(channels, ratio) == hidden


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sse", {}, "did you mean se"),
        ("se", {"ratio": 4}, "has no option 'ratio': its options are reduction, bias"),
        ("se", {"reduction": 0}, "share of the channels"),
        ("gc", {"ratio": 0}, "share of the channels"),
        ("gc", {"ratio": "large"}, "wrong type"),
        ("gc", {"pooling": "max"}, "att, avg"),
        ("gc", {"fusion": ("channel_ad",)}, "did you mean channel_add"),
        ("gc", {"fusion": "channel_add"}, "is a list"),
        ("cbam", {"kernel_size": 4}, "must be odd"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_attention(name, 64, **options)


def test_channels_must_be_positive() -> None:
    with pytest.raises(UsageError, match="at least 1 channel"):
        create_attention("se", 0)
