"""Methods that need nothing but the feature map and the gradient of the score at it."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from foveate.explanation.cam.taps import Weights, gradient_at
from foveate.models.resnet import ResNet

# (network, images, weights over the logits, tap) -> raw maps (N, h, w), logits (N, classes)
Method = Callable[[ResNet, Tensor, Weights, str], tuple[Tensor, Tensor]]
Formula = Callable[[Tensor, Tensor], Tensor]  # (features, gradient), both (N, K, h, w) -> raw maps (N, h, w)


def from_gradient(formula: Formula) -> Method:
    """The method that a formula of features and gradient makes: one forward pass, and the tail's gradient."""

    def method(network: ResNet, images: Tensor, weights: Weights, tap: str) -> tuple[Tensor, Tensor]:
        features, gradient, logits = gradient_at(network, images, weights, tap)
        return formula(features, gradient), logits

    return method
