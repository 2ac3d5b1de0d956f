"""Mechanisms without frozen outputs of their authors' code, against their formulas written out position by position."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from foveate.attention import create_attention
from foveate.attention.base import Attention
from foveate.attention.eca import adaptive_kernel
from foveate.errors import UsageError


def block_of(name: str, channels: int = 8, **options: Any) -> Attention:
    """In float64, with random weights and running statistics."""
    block = create_attention(name, channels, **options).double().eval()
    generator = torch.Generator().manual_seed(1)
    for value in block.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator, dtype=torch.float64) + 0.1)
    for parameter in block.parameters():
        parameter.data -= 0.6
    return block


def image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def rows(convolved: Tensor) -> Tensor:
    """(1, c, H, W) -> (H * W, c)"""
    return convolved[0].flatten(1).T


@pytest.mark.parametrize("kind", ["embedded_gaussian", "gaussian", "dot_product", "concatenation"])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("pooling", [{"sub_sample": False}, {"pool_first": True}, {"pool_first": False}], ids=str)
def test_non_local(kind: str, scale: bool, pooling: dict[str, bool]) -> None:
    block: Any = block_of("non_local", kind=kind, scale=scale, **pooling)
    x = image(1, 8, 5, 6)
    pool = (lambda maps: F.max_pool2d(maps, 2)) if pooling.get("sub_sample", True) else (lambda maps: maps)
    if pooling.get("pool_first"):
        keys, values = pool(x), block.value(pool(x))
        keys = keys if kind == "gaussian" else block.key(keys)
    else:
        keys, values = pool(x if kind == "gaussian" else block.key(x)), pool(block.value(x))
    query, key, value = rows(x if kind == "gaussian" else block.query(x)), rows(keys), rows(values)
    gathered = []
    for q in query:
        if kind == "dot_product":
            weights = torch.stack([q @ k for k in key]) / len(key)
        elif kind == "concatenation":
            pair = block.pair.weight.flatten()
            weights = torch.stack([F.relu(pair @ torch.cat([q, k])) for k in key]) / len(key)
        else:
            factor = 4**-0.5 if scale and kind == "embedded_gaussian" else 1.0  # C/2 = 4
            exponents = torch.stack([(q @ k * factor).exp() for k in key])
            weights = exponents / exponents.sum()
        gathered.append((weights[:, None] * value).sum(0))
    maps = torch.stack(gathered).T.reshape(1, 4, 5, 6)
    torch.testing.assert_close(block(x), x + block.norm(block.out(maps)))


@pytest.mark.parametrize("kind", ["embedded_gaussian", "gaussian", "dot_product", "concatenation"])
def test_non_local_keeps_no_map_of_all_pairs(kind: str) -> None:
    def largest_saved(side: int) -> int:
        block, x = create_attention("non_local", 8, kind=kind, sub_sample=False), torch.randn(1, 8, side, side)
        sizes = []

        def note(saved: Tensor) -> Tensor:
            sizes.append(saved.untyped_storage().nbytes())
            return saved

        with torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved):
            block(x.requires_grad_())
        return max(sizes)

    # Twice the side is four times the positions: linear memory grows 4 times, a map of all pairs 16 times.
    assert largest_saved(64) <= 4.2 * largest_saved(32)


def test_criss_cross_twice_sees_everything() -> None:
    block = block_of("criss_cross", recurrence=2)
    x = image(1, 8, 5, 4).requires_grad_()
    block(x)[0, 0, 0, 0].backward()
    assert x.grad is not None
    assert (x.grad[0].abs().sum(0) > 0).all()
    once, y = block_of("criss_cross"), x.detach().requires_grad_()
    once(y)[0, 0, 0, 0].backward()
    assert y.grad is not None
    seen = y.grad[0].abs().sum(0) > 0
    assert seen[0].all()
    assert seen[:, 0].all()
    assert not seen[1:, 1:].any()


@pytest.mark.parametrize(("channels", "kernel"), [(64, 3), (128, 5), (256, 5), (512, 5), (1, 1), (2048, 7)])
def test_eca_kernel_of_the_formula(channels: int, kernel: int) -> None:
    # |log2 C / 2 + 1/2|: 3.5, 4, 4.5, 5, 0.5, 6; taken to the odd number at or above the whole part.
    assert adaptive_kernel(channels) == kernel


def test_bam_adds_as_in_the_paper() -> None:
    block: Any = block_of("bam", combine="add")
    x = image(2, 8, 5, 6)
    channel, spatial = block.branches(x)
    torch.testing.assert_close(block(x), x + x * torch.sigmoid(channel + spatial))


def test_gather_excite_means_of_neighbourhoods() -> None:
    x = image(1, 2, 6, 4)
    y = create_attention("gather_excite", 2, extent=2)(x)
    for c in range(2):
        for i in range(6):
            for j in range(4):
                top, left = 2 * (i // 2), 2 * (j // 2)  # the gate's position, enlarged to its nearest
                near = x[0, c, max(top - 1, 0) : top + 2, max(left - 1, 0) : left + 2]
                torch.testing.assert_close(y[0, c, i, j], x[0, c, i, j] * torch.sigmoid(near.mean()))
    whole = create_attention("gather_excite", 2)(x)
    torch.testing.assert_close(whole, x * torch.sigmoid(x.mean((2, 3), keepdim=True)))


def test_gather_excite_learned() -> None:
    block: Any = block_of("gather_excite", variant="theta+", extent=4)
    x = image(1, 8, 9, 7)
    gathered = block.norms[0](block.gather[0](x))
    gathered = block.norms[1](block.gather[1](F.relu(gathered)))
    assert gathered.shape[2:] == (3, 2)  # 9 -> 5 -> 3, 7 -> 4 -> 2
    gate = torch.sigmoid(block.expand(F.relu(block.reduce(gathered))))
    row, column = [math.floor(i * 3 / 9) for i in range(9)], [math.floor(j * 2 / 7) for j in range(7)]
    torch.testing.assert_close(block(x), x * gate[:, :, row][:, :, :, column])


def test_selective_kernel() -> None:
    block: Any = block_of("selective_kernel", channels=8, groups=2, least_hidden=4, branches=3)
    x = image(2, 8, 6, 5)
    branches = []
    for m, (conv, norm) in enumerate(zip(block.convs, block.norms, strict=True), start=1):
        branches.append(F.relu(norm(F.conv2d(x, conv.weight, padding=m, dilation=m, groups=2))))
    means = sum(branches).mean((2, 3))
    hidden = F.relu(block.norm(means @ block.reduce.weight.T))
    exponents = [(hidden @ layer.weight.T + layer.bias).exp() for layer in block.choose]
    shares = [e / sum(exponents) for e in exponents]
    expected = sum(share[:, :, None, None] * branch for share, branch in zip(shares, branches, strict=True))
    torch.testing.assert_close(block(x), expected)
    strided = create_attention("selective_kernel", 64, stride=2)
    assert strided(torch.randn(2, 64, 7, 7)).shape == (2, 64, 4, 4)


def test_botnet() -> None:
    block: Any = block_of("botnet", channels=8, size=(3, 4), heads=2)
    x = image(1, 8, 3, 4)
    q, k, v = (part.reshape(2, 4, 3, 4) for part in F.conv2d(x, block.qkv.weight)[0].chunk(3))
    expected = torch.zeros(2, 4, 3, 4, dtype=torch.float64)
    for head in range(2):
        for i in range(3):
            for j in range(4):
                query = q[head, :, i, j] / 4**0.5
                logits = torch.stack(
                    [
                        query @ (k[head, :, a, b] + block.rowwise[a - i + 2] + block.columnwise[b - j + 3])
                        for a in range(3)
                        for b in range(4)
                    ]
                )
                weights = logits.exp() / logits.exp().sum()
                expected[head, :, i, j] = v[head].flatten(1) @ weights
    torch.testing.assert_close(block(x), expected.reshape(1, 8, 3, 4))
    halved = create_attention("botnet", 8, size=7, stride=2)
    assert halved(torch.randn(2, 8, 7, 7)).shape == (2, 8, 4, 4)


def test_botnet_has_one_size_and_says_so() -> None:
    with pytest.raises(UsageError, match="for feature maps of 7 x 7, not 4 x 4"):
        create_attention("botnet", 8)(torch.randn(1, 8, 4, 4))


@pytest.mark.parametrize("normalisation", ["mixed", "channel", "spatial"])
def test_ran(normalisation: str) -> None:
    block: Any = block_of("ran", downs=2, normalisation=normalisation)
    x, trunk = image(2, 8, 12, 9), image(2, 8, 12, 9)

    def enlarge(maps: Tensor, to: Tensor) -> Tensor:
        return F.interpolate(maps, size=to.shape[2:], mode="bilinear", align_corners=True)

    half = block.down[0](F.max_pool2d(x, 3, 2, 1))
    quarter = block.down[1](F.max_pool2d(half, 3, 2, 1))
    up = enlarge(block.up[1](quarter), half) + block.skip[0](half)
    up = enlarge(block.up[0](up), x)
    mask = block.conv2(F.relu(block.norm2(block.conv1(F.relu(block.norm1(up))))))
    if normalisation == "mixed":
        mask = torch.sigmoid(mask)
    elif normalisation == "channel":
        mask = mask / mask.norm(dim=1, keepdim=True)
    else:
        mean, variance = mask.mean((2, 3), keepdim=True), mask.var((2, 3), keepdim=True, correction=0)
        mask = torch.sigmoid((mask - mean) / (variance + 1e-5).sqrt())
    torch.testing.assert_close(block(x, trunk), (1 + mask) * trunk)
    torch.testing.assert_close(block(x), (1 + mask) * x)
