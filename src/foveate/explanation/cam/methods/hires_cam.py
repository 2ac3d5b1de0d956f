"""HiResCAM."""

from __future__ import annotations

import torch
from torch import Tensor


def hires_cam(features: Tensor, gradient: Tensor) -> Tensor:
    """raw = sum_k g_k * A_k, position by position (Draelos and Carin 2020).

    `features` A and `gradient` g of the score: (N, K, h, w). Returns (N, h, w), signed: the method has no ReLU of
    its own. Where the gradient is the same everywhere, as before a global average pooling, it is Grad-CAM.
    """
    return torch.einsum("nkhw,nkhw->nhw", gradient, features)
