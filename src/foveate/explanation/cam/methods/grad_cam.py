"""Grad-CAM."""

from __future__ import annotations

import torch
from torch import Tensor


def grad_cam(features: Tensor, gradient: Tensor) -> Tensor:
    """raw = sum_k mean(g_k) A_k (Selvaraju et al. 2017, Eq. 1 and 2 without its final ReLU).

    `features` A and `gradient` g of the score: (N, K, h, w). Returns (N, h, w), signed.
    """
    return torch.einsum("nk,nkhw->nhw", gradient.mean((2, 3)), features)
