"""Grad-CAM++."""

from __future__ import annotations

import torch
from torch import Tensor


def grad_cam_plus_plus(features: Tensor, gradient: Tensor) -> Tensor:
    """raw = sum_k w_k A_k with w_k = sum_ij alpha_k(ij) relu(g_k(ij)) (Chattopadhay et al. 2018, without its ReLU).

    The score is exp(S), S the explained sum of logits, and the network behind the tap is taken as piecewise linear.
    Then the derivatives of the score are exp(S) times powers of g = dS / dA, and Eq. 19 says

        alpha_k(ij) = g_k(ij)^2 / (2 g_k(ij)^2 + sum_ab A_k(ab) g_k(ij)^3) = 1 / (2 + g_k(ij) sum_ab A_k(ab))

    where g is not 0, and 0 elsewhere. The factor exp(S) of w_k is left out: it is one number for the whole map, which
    every scale takes out, and it can overflow. Where features are negative the denominator may be 0: alpha is 0 there.

    `features` A and `gradient` g of S: (N, K, h, w). Returns (N, h, w), signed.
    """
    denominator = 2 + gradient * features.sum((2, 3), keepdim=True)
    alpha = torch.where((gradient != 0) & (denominator != 0), 1 / denominator, 0)
    return torch.einsum("nk,nkhw->nhw", (alpha * gradient.clamp(min=0)).sum((2, 3)), features)
