"""The fast training paths under what autograd may be asked: odd losses, hooks, second derivatives, other modes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from benchmarks.textbook_attention import textbook
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils import prune

from foveate.attention import fused
from foveate.attention.cbam import CBAM
from foveate.errors import UsageError
from tests.attention.fast_forms import CASES, FORMATS, assert_same, outcome, randomised


@pytest.mark.parametrize("memory_format", FORMATS, ids=str)
def test_a_loss_of_the_gate_alone(memory_format: torch.memory_format) -> None:
    # Then y has no gradient, and autograd's zeros lie as they like.
    x = torch.randn(2, 32, 12, 11, dtype=torch.float64).contiguous(memory_format=memory_format)
    gradients: list[Tensor] = []
    for form in (lambda block: block, textbook):
        block = randomised("cbam", 32)
        assert isinstance(block, CBAM)
        logits: list[Tensor] = []
        block.norm.register_forward_hook(lambda module, given, out, kept=logits: kept.append(out))
        own = x.clone().requires_grad_()
        form(block)(own)
        loss = (logits[0] * torch.linspace(0, 1, 11, dtype=torch.float64)).sum()
        gradients += torch.autograd.grad(loss, own)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("case", ["se", "cbam", "gc", "triplet"])
def test_what_is_saved_may_be_laid_out_anew(case: str) -> None:
    x = torch.randn(2, 32, 12, 11, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    block = randomised(case, 32)

    def packed_anew(own: Tensor) -> Tensor:
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.contiguous(), lambda tensor: tensor):
            y: Tensor = block(own)
        return y

    above = torch.randn_like(x)
    expected, found = (outcome(copy.deepcopy(block), form, x, above)["x"] for form in (block, packed_anew))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("case", CASES)
def test_trains_with_deterministic_algorithms(case: str) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        x = torch.randn(2, 32, 20, 18).contiguous(memory_format=torch.channels_last).requires_grad_()
        randomised(case, 32, torch.float32)(x).sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    assert x.grad is not None


@pytest.mark.parametrize("memory_format", FORMATS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_a_gradient_penalty_takes_the_plain_form(case: str, memory_format: torch.memory_format) -> None:
    x = torch.randn(2, 32, 12, 11, dtype=torch.float64).contiguous(memory_format=memory_format)

    def penalised(form: Callable[[Tensor], Tensor]) -> Tensor:
        own = x.clone().requires_grad_()
        loss = form(own).square().sum()
        (slope,) = torch.autograd.grad(loss, own, create_graph=True)
        (gradient,) = torch.autograd.grad(loss + slope.square().sum(), own)
        return gradient

    block = randomised(case, 32)
    with fused.plain_forms():
        inside = penalised(block)
    torch.testing.assert_close(inside, penalised(textbook(block)))
    if case in ("se", "gc both avg"):  # here the plain form in any case: small, and without a context
        torch.testing.assert_close(penalised(block), inside)
    else:
        with pytest.raises(UsageError, match="plain_forms"):
            penalised(block)


def test_a_pruned_layer_goes_on_training() -> None:
    block = randomised("cbam", 32)
    assert isinstance(block, CBAM)
    prune.l1_unstructured(block.expand, "weight", 0.5)  # computes the weight anew whenever the layer is called
    for _ in range(2):
        block(torch.randn(2, 32, 12, 11, dtype=torch.float64, requires_grad=True)).sum().backward()
    assert block.expand.weight_orig.grad is not None


def test_tracing_without_values_leaves_nothing_behind() -> None:
    x, block = torch.randn(2, 32, 12, 9, dtype=torch.float64, requires_grad=True), randomised("cbam", 32)
    with FakeTensorMode(allow_non_fake_inputs=True):
        block(x)
    assert_same("cbam", x)


@pytest.mark.parametrize("case", CASES)
def test_other_precision_than_the_weights_is_refused(case: str) -> None:
    x = torch.randn(2, 32, 12, 11).bfloat16().contiguous(memory_format=torch.channels_last)
    for grad in (False, True):
        with pytest.raises(RuntimeError, match="type"):
            randomised(case, 32, torch.float32)(x.clone().requires_grad_(grad))
