"""Where in a network a heat-map is taken, and the gradient of a score there.

What precedes the tap is only run, never differentiated; hooks are gone when a function returns or fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from foveate.attention.base import Attention
from foveate.errors import UsageError
from foveate.explanation.heatmaps import POOLING
from foveate.models.resnet import BasicBlock, Bottleneck, ResNet

# (N, classes): the explained score of each image is (logits * weights).sum(1); or what makes them of the logits
Weights = Tensor | Callable[[Tensor], Tensor]
STAGES = ("layer1", "layer2", "layer3", "layer4")


def taps(network: ResNet) -> list[str]:
    """The input of the pooling, then every stage, residual block and attention block by its place, front to back."""
    kinds = (BasicBlock, Bottleneck, Attention)
    return [
        POOLING,
        *(name for name, module in network.named_modules() if name in STAGES or isinstance(module, kinds)),
    ]


def require_tap(network: ResNet, tap: str) -> None:
    """Raises UsageError that names the taps there are."""
    known = taps(network)
    if tap not in known:
        raise UsageError(f"this network has no tap {tap!r}: it has {', '.join(known)}.")


def features_at(network: ResNet, images: Tensor, tap: str) -> tuple[Tensor, Tensor]:
    """What comes out of the tap, (N, K, h, w), and the logits, (N, classes); one forward pass without a graph."""
    with torch.no_grad():
        if tap == POOLING:
            features = network.forward_features(images)
            return features, network.forward_head(features)
        found: list[Tensor] = []

        def note(module: nn.Module, given: tuple[Any, ...], output: Tensor) -> None:
            found.append(output.clone())  # what follows may add to it, or cut it off, in place

        with _hooked(network, tap, note):
            logits = network(images)
    return found[0], logits


def gradient_at(network: ResNet, images: Tensor, weights: Weights, tap: str) -> tuple[Tensor, Tensor, Tensor]:
    """Features A at the tap and d score / d A, both (N, K, h, w), and the logits, (N, classes).

    Sums over the batch are differentiated, so the network must be in evaluation mode, where images do not see each
    other. At the input of the pooling the gradient is known: (weights @ W) / hw at every position. Elsewhere the
    tapped output is cut from what made it, and the rest alone is differentiated; parameters may be frozen.
    """
    if tap == POOLING:
        features, logits = features_at(network, images, tap)
        with torch.no_grad():
            slope = weigh(weights, logits) @ network.fc.weight
        slope = slope / features[0, 0].numel()
        return features, slope[:, :, None, None].expand_as(features), logits
    found: list[Tensor] = []

    def cut(module: nn.Module, given: tuple[Any, ...], output: Tensor) -> Tensor:
        found.append(output.detach().requires_grad_())
        torch.set_grad_enabled(True)  # until the block below ends
        return found[0].clone()  # what follows may add to it, or cut it off, in place

    with torch.no_grad(), _hooked(network, tap, cut):
        logits = network(images)
    (gradient,) = torch.autograd.grad(logits, found[0], grad_outputs=weigh(weights, logits.detach()))
    return found[0].detach(), gradient, logits.detach()


def weigh(weights: Weights, logits: Tensor) -> Tensor:
    """The weights over the logits, (N, classes), in their dtype."""
    return (weights if isinstance(weights, Tensor) else weights(logits)).to(logits.dtype)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode while the block runs, then each module's own mode again."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _hooked(network: ResNet, place: str, hook: Callable[..., Tensor | None]) -> Iterator[None]:
    handle = network.get_submodule(place).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
