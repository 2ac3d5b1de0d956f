"""Eigen-CAM."""

from __future__ import annotations

import torch
from torch import Tensor

from foveate.explanation.cam.taps import Weights, features_at
from foveate.models.resnet import ResNet


def eigen_cam(network: ResNet, images: Tensor, weights: Weights, tap: str) -> tuple[Tensor, Tensor]:
    """The features' first principal component, of no class: `weights` have no part in it. One forward pass.

    `images`: (N, channels, H, W). Returns raw maps (N, h, w) and logits (N, classes).
    """
    features, logits = features_at(network, images, tap)
    return principal(features), logits


def principal(features: Tensor) -> Tensor:
    """raw = A v, with v the first right singular vector of A, (hw, K) (Muhammad and Yeasin 2020).

    As in the paper the features are not centred. A singular vector has no sign of its own: the sign is such that the
    map's value of the largest magnitude (the first of several) is positive. For features that are not negative, as
    behind a ReLU, the whole map then is not negative. `features`: (N, K, h, w). Returns (N, h, w), all 0 where A is.
    """
    matrix = features.flatten(2).transpose(1, 2).double()  # (N, hw, K)
    # Of A A' and A' A, whose largest eigenvalues are the same, the smaller one.
    if matrix.shape[1] <= matrix.shape[2]:
        values, vectors = torch.linalg.eigh(matrix @ matrix.transpose(1, 2))  # in ascending order
        flat = vectors[..., -1] * values[:, -1:].clamp(min=0).sqrt()
    else:
        flat = (matrix @ torch.linalg.eigh(matrix.transpose(1, 2) @ matrix)[1][..., -1:])[..., 0]
    peak = flat.gather(1, flat.abs().argmax(1, keepdim=True))
    flat = torch.where(peak < 0, -flat, flat)
    return flat.view(len(flat), *features.shape[2:]).to(features.dtype)
