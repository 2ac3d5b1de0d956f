"""The mechanisms give what their authors' own code gave: outputs, gradients, buffers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from foveate.attention import create_attention
from foveate.attention.base import Attention
from foveate.attention.triplet import Triplet
from foveate.errors import UsageError

REFERENCE = Path(__file__).parent / "reference"
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "se": ("se", {}),
    "se_nobias": ("se", {"bias": False}),
    "cbam": ("cbam", {}),
    "triplet": ("triplet", {}),
    "gc_add": ("gc", {"ratio": 1 / 16}),
    "gc_mul": ("gc", {"ratio": 1 / 4, "fusion": ("channel_mul",)}),
    "gc_both_avg": ("gc", {"ratio": 1 / 4, "pooling": "avg", "fusion": ("channel_add", "channel_mul")}),
}
# Their true gradient is zero (a softmax does not see a constant), so only rounding is left.
DEAD = {"conv_mask.bias"}
# This sum cancels to a thousandth of its norm's other gradient, so in float32 it is compared on that one's scale.
CANCELLING = {"SpatialGate.spatial.bn.bias": "gstate.SpatialGate.spatial.bn.weight"}
TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-4}


def load(case: str) -> dict[str, NDArray[Any]]:
    with np.load(next(REFERENCE.glob(f"{case}-*.npz"))) as file:
        return dict(file)


def official(case: str, dtype: torch.dtype) -> tuple[Attention, dict[str, NDArray[Any]]]:
    name, options = CASES[case]
    reference = load(case)
    block = create_attention(name, reference["x"].shape[1], **options).to(dtype)
    state = {key[6:]: torch.from_numpy(value) for key, value in reference.items() if key.startswith("state.")}
    block.load_official(state)
    return block, reference


def assert_close(ours: torch.Tensor, theirs: NDArray[Any], tolerance: float) -> None:
    difference = np.abs(ours.detach().double().numpy().reshape(theirs.shape) - theirs).max()
    assert difference <= tolerance * max(np.abs(theirs).max(), 1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_authors_code(case: str, dtype: torch.dtype, memory_format: torch.memory_format) -> None:
    block, reference = official(case, dtype)
    tolerance = TOLERANCE[dtype]
    x = torch.from_numpy(reference["x"]).to(dtype).to(memory_format=memory_format).requires_grad_()
    with torch.no_grad():
        assert_close(block.eval()(x), reference["y_eval"], tolerance)
    y = block.train()(x)
    assert_close(y, reference["y_train"], tolerance)
    y.backward(torch.from_numpy(reference["gy"]).to(dtype))
    assert x.grad is not None
    assert_close(x.grad, reference["gx"], tolerance)
    parameters = {block._official_name(name): value for name, value in block.named_parameters()}
    buffers = {block._official_name(name): value for name, value in block.named_buffers()}
    gradients = [key for key in reference if key.startswith("gstate.")]
    assert {key.removeprefix("gstate.") for key in gradients} == set(parameters)
    for key in gradients:
        gradient = parameters[key.removeprefix("gstate.")].grad
        assert gradient is not None
        if key.removeprefix("gstate.") in DEAD:
            assert gradient.abs().max() < 1e-4
        elif dtype == torch.float32 and key.removeprefix("gstate.") in CANCELLING:
            scale = np.abs(reference[CANCELLING[key.removeprefix("gstate.")]]).max()
            assert abs(gradient.item() - reference[key].item()) <= tolerance * scale
        else:
            assert_close(gradient, reference[key], tolerance)
    for key in (key for key in reference if key.startswith("after.")):
        assert_close(buffers[key.removeprefix("after.")], reference[key], tolerance)


def test_the_reference_would_catch_a_difference() -> None:
    block, reference = official("cbam", torch.float64)
    block.conv.weight.data = block.conv.weight.data.flip(1)  # mean before maximum, as in popular ports
    with pytest.raises(AssertionError):
        assert_close(block.eval()(torch.from_numpy(reference["x"]).double()), reference["y_eval"], 1e-5)


@pytest.mark.parametrize("case", CASES)
def test_official_weights_must_fit(case: str) -> None:
    name, options = CASES[case]
    reference = load(case)
    state = {key[6:]: torch.from_numpy(value) for key, value in reference.items() if key.startswith("state.")}
    if name != "triplet":  # its weights do not depend on the number of channels
        with pytest.raises(UsageError, match=f"not the weights of this .*{next(iter(state))}"):
            create_attention(name, 128, **options).load_official(state)
    first = next(iter(state))
    del state[first]
    with pytest.raises(UsageError, match=f"{first} is missing"):
        create_attention(name, 64, **options).load_official(state)


@pytest.mark.parametrize("kernel_size", [3, 7])
def test_triplet_knows_both_of_its_originals_layouts(kernel_size: int) -> None:
    # The released models call the gate that pools H away ChannelGateH; the root file calls it cw, for what is left.
    block = Triplet(64, kernel_size=kernel_size)
    assert [set(layout) for layout in block.official_layouts] == [set(block.official_keys)] * 2
    first, second = block.official_layouts
    assert first == block.official_keys
    assert {first[ours].split(".")[0]: second[ours].split(".")[0] for ours in first} == {
        "cw": "ChannelGateH",
        "hc": "ChannelGateW",
        "hw": "SpatialGate",
    }
