"""ROAD: does the network lose the class when the hottest pixels are made up from the others, and keep it otherwise?

Rong, Leemann, Borisov, Kasneci, Kasneci: A Consistent and Efficient Evaluation Strategy for Attribution Methods,
ICML 2022. Pixels that are imputed show no edges of a mask, so that the mask's shape gives the class away less than it
does in deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from foveate.explanation.faithfulness.curves import BATCH, Network
from foveate.explanation.faithfulness.imputation import impute_all

SHARES = (0.2, 0.4, 0.6, 0.8)  # of the pixels that are made up
NOISE = 0.01  # standard deviation, in units of the normalised image

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Road:
    """What the network says of the images with their hottest pixels made up (MoRF), and their coolest (LeRF)."""

    most: Floats  # (N, shares) probability of the target, the most relevant first
    least: Floats  # (N, shares), the least relevant first
    most_right: NDArray[np.bool_]  # (N, shares) whether the target is the class of highest probability
    least_right: NDArray[np.bool_]

    @property
    def score(self) -> Floats:
        """(N,) mean over the shares of (LeRF - MoRF) / 2 in probability: higher is better, 0 is chance."""
        return np.asarray((self.least - self.most).mean(1) / 2)

    @property
    def accuracy_score(self) -> Floats:
        """(N,) the same of accuracy, as the paper has it once averaged over the cases."""
        return np.asarray((self.least_right.astype(float) - self.most_right).mean(1) / 2)


def made_up(
    images: Tensor, rank: Tensor, generator: Generator, shares: Sequence[float] = SHARES, workers: int = 1
) -> Tensor:
    """(N, 2 * shares, C, H, W) float32 on the CPU: each image with its hottest shares made up, then its coolest.

    `images` (N, C, H, W) normalised; `rank` (N, H, W) int64 (see `order.ranks`). Pixels made up carry Gaussian noise of
    standard deviation 0.01 from `generator` (of the CPU), drawn image by image: the number of images in a call does not
    matter. Raises ValueError for a share that is not in (0, 1) or leaves no pixel of the image.
    """
    if not all(0 < share < 1 for share in shares):
        raise ValueError(f"shares lie between 0 and 1, not {', '.join(map(str, shares))}")
    rank, pixels = rank.cpu(), rank[0].numel()
    taken = torch.tensor([round(share * pixels) for share in shares])[:, None, None]
    unknown = torch.cat([rank[:, None] < taken, rank[:, None] >= pixels - taken], dim=1)  # (N, 2 * shares, H, W)
    changed = torch.from_numpy(impute_all(images.cpu().numpy(), unknown.numpy(), workers))
    for case, masks in zip(changed, unknown, strict=True):
        case.add_(NOISE * torch.randn(case.shape, generator=generator) * masks[:, None])
    return changed


@torch.inference_mode()
def road(network: Network, changed: Tensor, target: Tensor, batch_size: int = BATCH) -> Road:
    """ROAD of images that `made_up` has changed, (N, 2 * shares, C, H, W), for fixed classes `target` (N,).

    `network` is in evaluation mode, on the device of `target`.
    """
    cases, both = changed.shape[:2]
    classes = target.repeat_interleave(both)
    probability, right = [], []
    for images, chosen in zip(
        torch.split(changed.flatten(0, 1), batch_size), torch.split(classes, batch_size), strict=True
    ):
        logits = network(images.to(target.device)).float()
        probability.append(torch.softmax(logits, 1).gather(1, chosen[:, None])[:, 0].cpu())
        right.append((logits.argmax(1) == chosen).cpu())
    most, least = np.split(torch.cat(probability).double().numpy().reshape(cases, both), 2, axis=1)
    most_right, least_right = np.split(torch.cat(right).numpy().reshape(cases, both), 2, axis=1)
    return Road(most, least, most_right, least_right)
