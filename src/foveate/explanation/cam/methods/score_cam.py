"""Score-CAM."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from foveate.explanation.cam.taps import Weights, features_at, weigh
from foveate.models.resnet import ResNet

CHUNK = 32  # masked images in one forward pass: bounds the memory


def score_cam(network: ResNet, images: Tensor, weights: Weights, tap: str) -> tuple[Tensor, Tensor]:
    """raw = sum_k softmax_k(S(X * M_k) - S(X_b)) A_k (Wang et al. 2020, algorithm 1, without its final ReLU).

    The mask M_k is channel k of the tap, enlarged bilinearly to the image and then stretched from 0 to 1; a
    channel without contrast masks everything. Of the variants that are about, this is the one whose score S is the
    logits' weighted sum before the softmax over the classes; the baseline S(X_b) is the same for all channels, so the
    softmax over the channels takes it out, whatever X_b is. The image is masked after its normalisation: 0 is the
    training images' mean colour. Costs a forward pass for each channel of the tap and one more.

    `images`: (N, channels, H, W). Returns raw maps (N, h, w) and logits (N, classes).
    """
    features, logits = features_at(network, images, tap)
    rows = zip(images, features, weigh(weights, logits), strict=True)
    scores = torch.stack([_masked_scores(network, *row) for row in rows])  # (N, K)
    return torch.einsum("nk,nkhw->nhw", torch.softmax(scores, dim=1), features), logits


@torch.no_grad()
def _masked_scores(network: ResNet, image: Tensor, channels: Tensor, weights: Tensor) -> Tensor:
    """The score of one image (channels, H, W) under the mask of each feature channel (K, h, w): (K,)."""
    scores = []
    for chunk in torch.split(channels[:, None], CHUNK):
        large = F.interpolate(chunk, size=image.shape[1:], mode="bilinear", align_corners=False)
        low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
        masks = torch.where(high > low, (large - low) / (high - low), 0)
        scores.append(network(image * masks) @ weights)
    return torch.cat(scores)
