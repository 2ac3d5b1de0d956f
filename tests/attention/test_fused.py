"""The fast training paths give what the textbook forms give, and keep less for the backward pass."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from benchmarks.bench_attention import saved_bytes
from benchmarks.textbook_attention import textbook
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveate.attention import fused
from foveate.attention.base import Attention
from foveate.attention.convolution import convolved
from tests.attention.fast_forms import CASES, FORMATS, assert_same, outcome, randomised


@pytest.mark.parametrize("memory_format", FORMATS, ids=str)
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 13), st.integers(1, 13)),
    levels=st.sampled_from([0, 1, 2, 3]),
    step=st.sampled_from([1, 300, 2**18]),
)
def test_agrees_with_the_textbook(
    case: str, memory_format: torch.memory_format, shape: tuple[int, int, int, int], levels: int, step: int
) -> None:
    if shape[0] * shape[2] * shape[3] == 1 and case.startswith(("cbam", "triplet")):
        shape = (2, *shape[1:])  # a batch norm needs two values
    if shape[0] * shape[1] == 1:
        shape = (2, *shape[1:])
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))
    if levels:
        x = x.clamp(-1, 1).mul(levels).round()  # few values: most maxima are reached more than once
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "STEP", step)
        assert_same(case, x.contiguous(memory_format=memory_format))


@pytest.mark.parametrize("case", CASES)
def test_all_equal_values_send_the_gradient_to_the_first(case: str) -> None:
    for value in (0.0, 1.0):
        assert_same(case, torch.full((2, 32, 11, 12), value, dtype=torch.float64))


@pytest.mark.parametrize("case", CASES)
def test_input_that_is_not_contiguous(case: str) -> None:
    x = torch.randn(3, 64, 12, 10, dtype=torch.float64)
    for view in (x[:, ::2], x[:, :, 1:, 2:], x.transpose(2, 3), x[:1].expand(3, -1, -1, -1)):
        assert_same(case, view)


@pytest.mark.parametrize("case", CASES)
def test_expanded_gradient_from_above(case: str) -> None:
    block, x = randomised(case, 32), torch.randn(2, 32, 11, 12, dtype=torch.float64)
    form = textbook(copy.deepcopy(block))
    gradients = []
    for function in (block, form):
        own = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(own).sum(), own)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("case", CASES)
def test_half_precision_is_as_near_as_the_textbook(case: str) -> None:
    # The median of some inputs: GC's norm of two hidden units makes much of a rounding now and then, in either form.
    for memory_format in FORMATS:
        errors = torch.tensor([half_precision_errors(case, memory_format, seed) for seed in range(9)]).median(0).values
        fast, reference = errors
        assert (fast <= 1.2 * reference + 1e-6).all(), errors


def half_precision_errors(case: str, memory_format: torch.memory_format, seed: int) -> list[list[float]]:
    """Mean error of the output and of the gradient of x, of the fast form and of the textbook's, in bfloat16."""
    generator = torch.Generator().manual_seed(seed)
    exact, above = (torch.randn(4, 32, 14, 14, generator=generator) for _ in range(2))
    x = exact.bfloat16().contiguous(memory_format=memory_format)
    block = randomised(case, 32, torch.float32)
    truth = outcome(copy.deepcopy(block), textbook(copy.deepcopy(block)), x.float(), above.bfloat16().float())
    errors = []
    for form in (copy.deepcopy(block), textbook(copy.deepcopy(block))):
        own = x.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = form(own)
            y.backward(above.to(y.dtype))  # also inside autocast, where products are rounded
        assert own.grad is not None
        errors.append([(y - truth["y"]).abs().mean().item(), (own.grad - truth["x"]).abs().mean().item()])
    return errors


@pytest.mark.parametrize("case", CASES)
def test_float16_does_not_overflow(case: str) -> None:
    # A map's values sum up to 94,080, and float16 ends at 65,504.
    x = torch.full((2, 32, 56, 56), 30.0, dtype=torch.float16).contiguous(memory_format=torch.channels_last)
    block = randomised(case, 32, torch.float32).half().eval()
    expected = copy.deepcopy(block).float()(x.float())
    y = block(x.requires_grad_())
    y.mul(1e-4).sum().backward()
    assert y.dtype == torch.float16
    torch.testing.assert_close(y.float(), expected, rtol=0.02, atol=0.02)
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("memory_format", FORMATS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_keeps_format_without_and_with_gradient(case: str, memory_format: torch.memory_format) -> None:
    # In float64: GC's softmax of large logits lets float32 differ by its rounding.
    x = torch.randn(2, 32, 12, 11, dtype=torch.float64).contiguous(memory_format=memory_format)
    block = randomised(case, 32).eval()
    plain, fast = block(x), block(x.clone().requires_grad_())
    assert plain.is_contiguous(memory_format=memory_format)
    assert fast.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(plain, fast)


@pytest.mark.parametrize("case", CASES)
def test_an_empty_batch(case: str) -> None:
    x = torch.randn(0, 32, 6, 5, requires_grad=True)
    y = randomised(case, 32, torch.float32).eval()(x)
    y.sum().backward()
    assert y.shape == x.shape
    assert x.grad is not None


@pytest.mark.parametrize("case", CASES)
def test_nan_does_not_stop_training(case: str) -> None:
    x = torch.randn(2, 32, 12, 11).index_fill(1, torch.tensor([3]), float("nan")).requires_grad_()
    randomised(case, 32, torch.float32)(x).sum().backward()


@pytest.mark.parametrize("case", ["se", "cbam", "gc", "triplet"])
@pytest.mark.parametrize("memory_format", FORMATS, ids=str)
def test_saves_no_more(case: str, memory_format: torch.memory_format) -> None:
    limit = 0.6 if case == "cbam" else 1.0
    for channels, side in ((64, 56), (128, 28), (256, 14)):
        for dtype in (torch.float32, torch.bfloat16):
            if memory_format == torch.contiguous_format and side * side * dtype.itemsize < 512:
                continue  # short rows take the plain form
            x = torch.randn(8, channels, side, side).to(dtype).contiguous(memory_format=memory_format).requires_grad_()
            block = randomised(case, channels, torch.float32)
            assert saved_bytes(block, x) <= limit * saved_bytes(textbook(block), x)


@pytest.mark.parametrize("case", ["se", "cbam", "gc", "triplet"])
def test_compiles_and_exports_with_free_sizes(case: str) -> None:
    block = randomised(case, 32, torch.float32).eval()
    x = torch.randn(2, 32, 12, 11)
    compiled = torch.compile(block, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x.clone().requires_grad_()), block(x))
    sizes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    exported = torch.export.export(block, (x,), dynamic_shapes=(sizes,)).module()
    other = torch.randn(3, 32, 9, 14)
    torch.testing.assert_close(exported(other), block(other))


class TinyResNet(nn.Module):
    """A stem and two residual blocks with attention before the addition."""

    def __init__(self, case: str) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv2d(3 if layer == 0 else 32, 32, 3, padding=1) for layer in range(3)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(32) for _ in range(3)])
        self.attentions = nn.ModuleList([randomised(case, 32) for _ in range(2)])
        self.head = nn.Linear(32, 2)

    def forward(self, x: Tensor, textbook_forms: bool) -> Tensor:
        x = F.relu(self.norms[0](self.convolutions[0](x)))
        for convolution, norm, block in zip(self.convolutions[1:], self.norms[1:], self.attentions, strict=True):
            assert isinstance(block, Attention)
            attend = textbook(block) if textbook_forms else block
            x = F.relu(x + attend(norm(convolution(x))))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


@pytest.mark.parametrize("case", ["cbam", "gc", "se", "triplet"])
def test_twenty_steps_of_training(case: str) -> None:
    torch.manual_seed(0)
    fast = TinyResNet(case).double()
    reference = copy.deepcopy(fast)
    images = torch.randn(6, 3, 14, 12, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(6) % 2
    losses = []
    for model in (fast, reference):
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
        for _ in range(20):
            loss = F.cross_entropy(model(images, model is reference), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[19] < losses[0]
    assert losses[:20] == pytest.approx(losses[20:], abs=1e-9)
    for one, other in zip(fast.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 24), st.integers(1, 24)),
    kernel_size=st.sampled_from([1, 3, 5, 7]),
)
def test_narrow_and_wide_maps_are_convolved(shape: tuple[int, int, int], kernel_size: int) -> None:
    maps = torch.randn(shape[0], 2, *shape[1:], dtype=torch.float64, requires_grad=True)
    weight = torch.randn(1, 2, kernel_size, kernel_size, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(maps, weight, padding=kernel_size // 2)
    ours = convolved(maps, weight)
    torch.testing.assert_close(ours, expected)
    above = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(ours, (maps, weight), above),
        torch.autograd.grad(expected, (maps, weight), above),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
