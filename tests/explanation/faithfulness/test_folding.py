"""The folded network says what the network says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Generator, nn

from foveate.attention import create_attention
from foveate.explanation.faithfulness.folding import fold_block, folded
from foveate.models import create_model
from foveate.models.resnet import BasicBlock, Bottleneck
from tests.explanation.trained import narrow

KINDS: dict[str, type[BasicBlock] | type[Bottleneck]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


def wear(module: nn.Module) -> None:
    """Norms far from their initialisation, in evaluation mode."""
    generator = Generator().manual_seed(0)
    with torch.no_grad():
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.normal_(0, 0.3, generator=generator)
                norm.running_var.uniform_(0.5, 2, generator=generator)
                norm.weight.uniform_(0.3, 0.8, generator=generator)
                norm.bias.normal_(0, 0.1, generator=generator)
    module.eval()


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["", "before_addition", "after_conv2", "after_block", "replace_conv2"])
def test_a_block(kind: str, where: str) -> None:
    mechanism, options = "se", dict[str, Any]()
    if where == "replace_conv2":  # the stride is the first convolution's in a basic block, the second's in a bottleneck
        inner = kind == "bottleneck"
        mechanism, options = "botnet", {"size": 8 if inner else 4, "stride": 2 if inner else 1}
    width = 8 * KINDS[kind].expansion if where in ("before_addition", "after_block") else 8
    attention = create_attention(mechanism, channels=width, **options) if where else None
    block = KINDS[kind](8, 8, 2, attention, where)
    wear(block)
    other, x = copy.deepcopy(block), torch.randn(2, 8, 8, 8, generator=Generator().manual_seed(0))
    fold_block(other)
    with torch.no_grad():
        torch.testing.assert_close(other(x), block(x), rtol=1e-5, atol=1e-5)
    kept = 1 if where in ("after_conv2", "replace_conv2") else 0  # attention stands before the second norm
    assert norms(other) == kept


def test_a_network_is_copied_and_gives_the_same_logits() -> None:
    with narrow():
        model = create_model("resnet18+cbam", generator=Generator().manual_seed(0))
    wear(model)
    images = torch.randn(2, 3, 40, 40, generator=Generator().manual_seed(0))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    copied = folded(model)
    with torch.no_grad():
        torch.testing.assert_close(copied(images), model(images), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    in_attention = sum(norms(block) for block in model.attention_blocks().values())
    assert norms(copied) == in_attention
