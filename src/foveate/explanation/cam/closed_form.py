"""Grad-CAM in closed form, taken where the network pools: no backward pass, no hooks."""

from __future__ import annotations

import torch
from torch import Tensor

TAP = "input of the global average pooling"


def grad_cam(features: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    """Raw signed Grad-CAM maps of a network whose head is a global average pooling and a linear layer.

    With y_c = b_c + sum_k W_ck mean_ij A_k(ij), the gradient of the logit is W_ck / HW at every position, so
    Grad-CAM's weights (Selvaraju et al. 2017, Eq. 1) are known without a backward pass and

        raw(ij) = sum_k W_ck A_k(ij) / HW,    sum_ij raw = y_c - b_c.

    `features` A: (N, K, H, W), the input of the pooling; `weight` W: (classes, K); `target` c: (N,) class
    indices. Returns (N, H, W) in the dtype of `features`; cut off negative values to draw it (Eq. 2).
    """
    height, width = features.shape[2:]
    return torch.einsum("nk,nkhw->nhw", weight[target].to(features.dtype), features) / (height * width)
