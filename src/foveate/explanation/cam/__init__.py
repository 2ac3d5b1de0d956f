"""Heat-maps of a network: methods by name, at any tap, for any sum of logits; Grad-CAM in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from foveate.errors import UsageError
from foveate.explanation.cam.closed_form import TAP, grad_cam
from foveate.explanation.cam.methods import METHODS
from foveate.explanation.cam.taps import Weights, evaluating, require_tap
from foveate.explanation.heatmaps import GRAD_CAM, POOLING
from foveate.models.resnet import ResNet

__all__ = ["METHODS", "TAP", "explain", "grad_cam", "require_method"]


def explain(
    network: ResNet, images: Tensor, weights: Weights, method: str = GRAD_CAM, tap: str = POOLING
) -> tuple[Tensor, Tensor]:
    """Raw signed heat-maps of a batch, (N, h, w), and its logits, (N, classes).

    `images`: (N, channels, H, W), normalised; `weights`: (N, classes), so that (logits * weights).sum(1) is the score
    that is explained, or a function that makes them of the logits (`targets.Target.weights` gives both); `method`: one
    of METHODS; `tap`: one of `taps.taps(network)`. One forward pass, but for score_cam. The network is in evaluation
    mode meanwhile, and is left as it was: no hook, no gradient, each module in its own mode. Raises UsageError for an
    unknown method or tap, and where the attention has no map over positions.
    """
    require_method(method)
    require_tap(network, tap)
    # A caller's inference mode would forbid the gradient.
    with torch.inference_mode(False), torch.no_grad(), evaluating(network):
        return METHODS[method](network, images, weights, tap)


def require_method(method: str) -> None:
    """Raises UsageError that names the methods there are."""
    if method not in METHODS:
        raise UsageError(f"there is no heat-map method {method!r}: known are {', '.join(METHODS)}.")
