"""LayerCAM."""

from __future__ import annotations

import torch
from torch import Tensor


def layer_cam(features: Tensor, gradient: Tensor) -> Tensor:
    """raw = sum_k relu(g_k) * A_k, position by position (Jiang et al. 2021, without the final ReLU).

    `features` A and `gradient` g of the score: (N, K, h, w). Returns (N, h, w); negative only where features are.
    """
    return torch.einsum("nkhw,nkhw->nhw", gradient.clamp(min=0), features)
