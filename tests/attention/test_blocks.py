"""What every attention block owes its user, and how the paper's three begin."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foveate.attention import create_attention, list_attention, mechanism_of
from foveate.attention.base import Attention, hidden_channels, spatial_max
from foveate.errors import UsageError

EVERY = list_attention()
SMALL = {"botnet": {"heads": 1}, "selective_kernel": {"groups": 1}}  # options that let any number of channels pass
# ||out|| / ||in|| of N(0, 1) at 64 channels. The first nine were measured on the authors' code; GC, Non-local and
# criss-cross start as the identity; theta- of gather-excite is sigmoid(0) where means are 0, RAN's gate 1 + sigmoid.
GAINS = {
    "se": 0.50, "cbam": 0.25, "srm": 0.50, "eca": 0.50, "coordinate": 0.25, "triplet": 0.51, "simam": 0.77,
    "bam": 1.50, "gc": 1.0, "non_local": 1.0, "criss_cross": 1.0, "gather_excite": 0.50, "ran": 1.50,
}  # fmt: skip


def create(name: str, shape: tuple[int, ...], **options: Any) -> Attention:
    """A block for images of this shape (N, C, H, W)."""
    size = {"size": shape[2:]} if name == "botnet" else {}
    return create_attention(name, shape[1], **{**SMALL.get(name, {}), **size, **options})


def randomised(name: str, shape: tuple[int, ...], **options: Any) -> Attention:
    """A block far from its initialisation, where some blocks are the identity."""
    block = create(name, shape, **options)
    generator = torch.Generator().manual_seed(0)
    for parameter in block.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5
    return block


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(list_attention()),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9)),
)
def test_keeps_shape_and_is_finite(name: str, shape: tuple[int, int, int, int]) -> None:
    y = randomised(name, shape).eval()(torch.randn(shape))
    assert y.shape == shape
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("name", list_attention())
def test_images_of_a_batch_do_not_mix(name: str) -> None:
    x = torch.randn(4, 32, 6, 5, dtype=torch.float64)
    block = randomised(name, x.shape).eval().double()
    one_by_one = torch.cat([block(image[None]) for image in x])
    torch.testing.assert_close(block(x), one_by_one)


@pytest.mark.parametrize("name", list_attention())
def test_keeps_dtype_and_memory_format(name: str) -> None:
    x = torch.randn(2, 32, 8, 8).to(memory_format=torch.channels_last)
    assert randomised(name, x.shape)(x).is_contiguous(memory_format=torch.channels_last)
    for dtype in (torch.bfloat16, torch.float16):
        for training in (True, False):
            half = randomised(name, x.shape).to(dtype).train(training)
            assert half(x.to(dtype)).dtype == dtype
            assert torch.isfinite(half(x.to(dtype))).all()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert randomised(name, x.shape)(x.to(torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("name", list_attention())
def test_initialisation_comes_from_the_generator_alone(name: str) -> None:
    block = create(name, (1, 64, 7, 7))
    states = []
    for _ in range(2):
        before = torch.get_rng_state()
        block.reset_parameters(torch.Generator().manual_seed(3))
        assert torch.equal(before, torch.get_rng_state())
        states.append({key: value.clone() for key, value in block.state_dict().items()})
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", sorted(GAINS.keys() & set(EVERY)))
def test_initial_gain_is_the_originals(name: str) -> None:
    x = torch.randn(8, 64, 16, 16, generator=torch.Generator().manual_seed(0))
    block, gains = create(name, x.shape), []
    for seed in range(20):
        block.reset_parameters(torch.Generator().manual_seed(seed))
        gains.append((block(x).norm() / x.norm()).item())
    assert sum(gains) / len(gains) == pytest.approx(GAINS[name], abs=0.06 if name == "ran" else 0.02)


@pytest.mark.parametrize("name", EVERY)
def test_identity_initialisation(name: str) -> None:
    x = torch.randn(4, 32, 6, 5, requires_grad=True)
    options = {"variant": "theta+"} if name == "gather_excite" else {}
    if name in ("simam", "botnet", "selective_kernel"):
        with pytest.raises(UsageError, match="cannot start as the identity"):
            create(name, x.shape, init="identity")
        return
    block = create(name, x.shape, init="identity", **options)
    y = block(x)
    torch.testing.assert_close(y, x)
    (y * torch.randn_like(y)).sum().backward()
    moved = [parameter for parameter in block.closing() if parameter.grad is not None and parameter.grad.abs().sum()]
    assert moved, "an identity that cannot be left"


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", [(1, 32, 1, 1), (0, 32, 6, 5), (1, 32, 7, 1), (2, 3, 5, 9)])
def test_odd_shapes_in_evaluation(name: str, shape: tuple[int, ...]) -> None:
    y = randomised(name, shape).eval()(torch.randn(shape))
    assert y.shape == shape
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("name", EVERY)
def test_one_by_one_maps_train(name: str) -> None:
    x = torch.randn(4, 32, 1, 1, requires_grad=True)
    block = randomised(name, x.shape)
    block(x).square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in block.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", [name for name in EVERY if mechanism_of(name).needs_batch])
def test_a_batch_of_one_cannot_train_and_is_told(name: str) -> None:
    with pytest.raises(UsageError, match="cannot train on a batch of one image"):
        randomised(name, (1, 32, 6, 5))(torch.randn(1, 32, 6, 5))


@pytest.mark.parametrize("name", ["cbam", "ran", "non_local"])
def test_one_value_cannot_be_normalised(name: str) -> None:
    with pytest.raises(UsageError, match="cannot train on a batch of one image"):
        randomised(name, (1, 32, 1, 1))(torch.randn(1, 32, 1, 1))


@pytest.mark.parametrize("name", [name for name in EVERY if not mechanism_of(name).needs_batch])
def test_others_train_on_a_batch_of_one(name: str) -> None:
    x = torch.randn(1, 32, 6, 5)
    assert randomised(name, x.shape)(x).shape == x.shape


@pytest.mark.parametrize("name", EVERY)
def test_attention_maps(name: str) -> None:
    x = torch.randn(2, 32, 6, 5)
    block = randomised(name, x.shape).eval()
    kinds = {
        "channel": (2, 32, 1, 1), "spatial": (2, 1, 6, 5), "element": (2, 32, 6, 5), "context": (2, 1, 6, 5),
        "height": (2, 32, 6, 1), "width": (2, 32, 1, 5), "channel_height": (2, 32, 6, 1),
        "channel_width": (2, 32, 1, 5), "dilation_1": (2, 32, 1, 1), "dilation_2": (2, 32, 1, 1),
        "affinity": (2, 1, 3, 2) if name == "non_local" else (2, 1, 6, 5),
    }  # fmt: skip
    maps = block.attention(x)
    assert maps
    for kind, value in maps.items():
        assert value.shape == kinds[kind]
        assert (value >= 0).all()
        if kind in ("context", "affinity"):  # shares of a whole
            torch.testing.assert_close(value.sum((2, 3)), torch.ones(2, 1))
        else:
            assert (value <= 1).all()


@pytest.mark.parametrize("name", ["non_local", "criss_cross", "botnet"])
def test_queries(name: str) -> None:
    x = torch.randn(2, 32, 6, 5)
    block = randomised(name, x.shape).eval()
    both = block.attention(x, queries=[(0, 0), (5, 4)])["affinity"]  # type: ignore[call-arg]
    assert both.shape[:2] == (2, 2)
    torch.testing.assert_close(both[:, 1:], block.attention(x, queries=[(5, 4)])["affinity"])  # type: ignore[call-arg]
    with pytest.raises(UsageError, match=r"the query \(6, 0\) lies outside the feature map of 6 x 5"):
        block.attention(x, queries=[(6, 0)])  # type: ignore[call-arg]


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
        ("se", {"ratio": 4}, "se has no option 'ratio'.*its options are reduction, bias"),
        ("simam", {"lambda": 4}, "its options are regularisation"),
        ("simam", {"regularisation": 0}, "greater than 0"),
        ("eca", {"kernel_size": 4}, "odd number"),
        ("eca", {"kernel_size": "large"}, "or 'auto'"),
        ("bam", {"combine": "mul"}, "multiply or add"),
        ("bam", {"dilation": 0}, "at least 1"),
        ("non_local", {"kind": "gausian"}, "did you mean gaussian"),
        ("criss_cross", {"recurrence": 0}, "at least 1"),
        ("gather_excite", {"variant": "theta*"}, "theta-, theta, theta\\+"),
        ("gather_excite", {"extent": 3}, "one of 0, 2, 4, 8"),
        ("gather_excite", {"variant": "theta", "extent": 0}, "one of 2, 4, 8"),
        ("selective_kernel", {"groups": 7}, "do not divide 64 channels"),
        ("selective_kernel", {"branches": 1}, "at least 2 branches"),
        ("botnet", {"heads": 5}, "do not divide 64 channels"),
        ("botnet", {"stride": 3}, "1 or 2"),
        ("botnet", {"size": [7]}, "height and width"),
        ("ran", {"downs": 0}, "at least 1"),
        ("ran", {"normalisation": "l2"}, "mixed, channel, spatial"),
        ("se", {"init": "zeros"}, "official, identity"),
        ("se", {"reduction": 0}, "reduction is at least 1, not 0"),
        ("cbam", {"reduction": -4}, "reduction is at least 1, not -4"),
        ("gc", {"ratio": 0}, "share of the channels"),
        ("gc", {"ratio": "large"}, "wrong type"),
        ("gc", {"pooling": "max"}, "att, avg"),
        ("gc", {"fusion": ("channel_ad",)}, "did you mean channel_add"),
        ("gc", {"fusion": "channel_add"}, "is a list"),
        ("cbam", {"kernel_size": 4}, "must be odd"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_attention(name, 64, **options)


def test_channels_must_be_positive() -> None:
    with pytest.raises(UsageError, match="at least 1 channel"):
        create_attention("se", 0)
