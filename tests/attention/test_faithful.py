"""The mechanisms give what their authors' own code gave: outputs, gradients, buffers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from foveate.attention import create_attention
from foveate.attention.base import Attention, renamed
from foveate.errors import UsageError

REFERENCE = Path(__file__).parent / "reference"
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "se": ("se", {}),
    "se_nobias": ("se", {"bias": False}),
    "cbam": ("cbam", {}),
    "triplet": ("triplet", {}),
    "gc_add": ("gc", {"ratio": 1 / 16}),
    "gc_mul": ("gc", {"ratio": 1 / 4, "fusion": ("channel_mul",)}),
    "non_local": ("non_local", {"sub_sample": False, "scale": False}),
    "non_local_subsampled": ("non_local", {"sub_sample": True, "scale": False}),
    "criss_cross": ("criss_cross", {}),
    "srm": ("srm", {}),
    "eca": ("eca", {"kernel_size": 5}),
    "bam": ("bam", {}),
    "coordinate": ("coordinate", {}),
    "simam": ("simam", {}),
    "gc_both_avg": ("gc", {"ratio": 1 / 4, "pooling": "avg", "fusion": ("channel_add", "channel_mul")}),
}
# Their true gradient is zero: a softmax does not see a constant, a batch norm takes one away again. Only rounding is
# left of it.
DEAD = {
    "conv_mask.bias", "key_conv.bias", "phi.bias", "phi.0.bias", "g.bias", "g.0.bias", "W.0.bias", "conv1.bias",
    "channel_att.gate_c.gate_c_fc_0.bias", "spatial_att.gate_s.gate_s_conv_reduce0.bias",
    "spatial_att.gate_s.gate_s_conv_di_0.bias", "spatial_att.gate_s.gate_s_conv_di_1.bias",
}  # fmt: skip
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


def state_keys(reference: dict[str, NDArray[Any]]) -> set[str]:
    return {key.removeprefix("state.") for key in reference if key.startswith("state.")}


def official_names(block: Attention, layout: Mapping[str, str]) -> set[str]:
    return {renamed(name, layout) for name in block.state_dict()}


def assert_close(ours: torch.Tensor, theirs: NDArray[Any], tolerance: float, scale: float | None = None) -> None:
    """Within `tolerance` of the largest magnitude, or of `scale`."""
    difference = np.abs(ours.detach().double().numpy().reshape(theirs.shape) - theirs).max()
    assert difference <= tolerance * max(np.abs(theirs).max() if scale is None else scale, 1e-12)


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
    layout = next(layout for layout in block.official_layouts if official_names(block, layout) == state_keys(reference))
    parameters = {renamed(name, layout): value for name, value in block.named_parameters()}
    buffers = {renamed(name, layout): value for name, value in block.named_buffers()}
    gradients = [key for key in reference if key.startswith("gstate.")]
    assert {key.removeprefix("gstate.") for key in gradients} == set(parameters)
    # A weight's gradient is a sum in which much cancels: in float32 its error goes by the size of what is summed.
    largest = max((float(np.abs(reference[key]).max()) for key in gradients), default=0.0)
    for key in gradients:
        gradient = parameters[key.removeprefix("gstate.")].grad
        assert gradient is not None
        dead = key.removeprefix("gstate.") in DEAD
        scale = largest if dead or dtype == torch.float32 else None
        assert_close(gradient, 0 * reference[key] if dead else reference[key], tolerance, scale)
    for key in (key for key in reference if key.startswith("after.")):
        assert_close(buffers[key.removeprefix("after.")], reference[key], tolerance)


def test_the_reference_would_catch_a_difference() -> None:
    block, reference = official("cbam", torch.float64)
    block.conv.weight.data = block.conv.weight.data.flip(1)  # mean before maximum, as in popular ports
    with pytest.raises(AssertionError):
        assert_close(block.eval()(torch.from_numpy(reference["x"]).double()), reference["y_eval"], 1e-5)


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"simam"}))  # SimAM has no weights
def test_official_weights_must_fit(case: str) -> None:
    name, options = CASES[case]
    reference = load(case)
    state = {key: torch.from_numpy(reference[f"state.{key}"]) for key in state_keys(reference)}
    first = max(key for key in state if not key.endswith("num_batches_tracked") and state[key].numel() > 1)
    with pytest.raises(UsageError, match=f"not the weights of this .*{first} is .*, not"):
        create_attention(name, 64, **options).load_official({**state, first: torch.zeros(3, 5, 7)})
    with pytest.raises(UsageError, match=r"not the weights of this .*extra\.weight is unknown"):
        create_attention(name, 64, **options).load_official({**state, "extra.weight": state[first]})
    del state[first]
    with pytest.raises(UsageError, match=f"{first} is missing"):
        create_attention(name, 64, **options).load_official(state)


def test_weights_of_another_mechanism_are_refused() -> None:
    reference = load("cbam")
    state = {key: torch.from_numpy(reference[f"state.{key}"]) for key in state_keys(reference)}
    with pytest.raises(UsageError, match="not the weights of this SqueezeExcitation"):
        create_attention("se", 64).load_official(state)


def test_triplet_knows_both_of_its_originals_layouts() -> None:
    # The released models call the gate that pools H away ChannelGateH; the repository's root file calls it cw, for
    # what is left.
    reference = load("triplet")
    state = {key: torch.from_numpy(reference[f"state.{key}"]) for key in state_keys(reference)}
    released = {}
    for key, value in state.items():
        gate, _, rest = key.partition(".conv.")
        released[f"{ {'cw': 'ChannelGateH', 'hc': 'ChannelGateW', 'hw': 'SpatialGate'}[gate] }.spatial.{rest}"] = value
    blocks = [create_attention("triplet", 64), create_attention("triplet", 64)]
    blocks[0].load_official(state)
    blocks[1].load_official(released)
    assert all(torch.equal(value, blocks[1].state_dict()[key]) for key, value in blocks[0].state_dict().items())


@pytest.mark.parametrize("names", [("fc.0", "fc.2"), ("fc1", "fc2"), ("conv_down", "conv_up")])
def test_se_knows_its_ports(names: tuple[str, str]) -> None:
    block: Any = create_attention("se", 64, bias=False, divisor=8)  # timm: 8 hidden units, not 4
    down, up = torch.randn(8, 64, 1, 1), torch.randn(64, 8, 1, 1)
    block.load_official({f"{names[0]}.weight": down, f"{names[1]}.weight": up})
    assert torch.equal(block.reduce.weight, down.flatten(1))
    assert torch.equal(block.expand.weight, up.flatten(1))
