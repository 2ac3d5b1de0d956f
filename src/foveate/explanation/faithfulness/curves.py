"""Deletion and insertion: the target's probability while pixels are taken away, or given back, hottest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveate.explanation.faithfulness.order import counts, ranks

STEPS = 20
BATCH = 32  # images of a batch: on a CPU, larger ones leave its cache
BLUR = 5 / 224  # RISE's 11 pixels of standard deviation 5 in an image of 224, in proportion

Network = Callable[[Tensor], Tensor]  # (b, channels, H, W) -> (b, classes) logits
Baseline = Callable[[Tensor], Tensor]  # normalised images -> what is left where nothing is known, of the same shape
Floats = NDArray[np.float64]


def mean_colour(images: Tensor) -> Tensor:
    """The mean colour of the training part, which normalisation puts at 0."""
    return torch.zeros_like(images)


def blurred(images: Tensor) -> Tensor:
    """(N, C, H, W) blurred by a Gaussian as RISE does (Petsiuk, Das, Saenko: BMVC 2018), in proportion to the side.

    Standard deviation 5/224 of the shorter side, at least one pixel, cut off at one standard deviation; beyond the
    edge, the edge's pixels go on.
    """
    radius = max(1, round(BLUR * min(images.shape[2:])))
    distance = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    bell = torch.exp(-0.5 * (distance / radius) ** 2)
    bell = bell / bell.sum()
    planes = F.pad(images.flatten(0, 1)[:, None], (radius,) * 4, mode="replicate")
    planes = F.conv2d(F.conv2d(planes, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1))
    return planes.view(images.shape)


BASELINES: dict[str, Baseline] = {"mean": mean_colour, "blur": blurred}


@dataclass(frozen=True)
class Curve:
    """What one curve does with the pixels, hottest first."""

    baseline: str  # one of BASELINES
    inserts: bool  # from the baseline to the image, else from the image to the baseline
    higher_is_better: bool


CURVES: dict[str, Curve] = {
    "deletion": Curve("mean", inserts=False, higher_is_better=False),
    "insertion": Curve("blur", inserts=True, higher_is_better=True),
    "deletion_blur": Curve("blur", inserts=False, higher_is_better=False),
    "insertion_mean": Curve("mean", inserts=True, higher_is_better=True),
}


def curves(
    network: Network,
    images: Tensor,
    heat: Tensor,
    target: Tensor,
    curve: str = "deletion",
    steps: int = STEPS,
    batch_size: int = BATCH,
) -> Floats:
    """Probabilities of the target class, (N, steps + 1), as pixels are deleted or inserted in the order of their heat.

    `images` (N, C, H, W), normalised; `heat` (N, H, W), of which only the order counts (see `order.ranks`); `target`
    (N,) classes that stay the same throughout; `curve`: one of CURVES. `network` is in evaluation mode. Deletion and
    insertion: Petsiuk, Das, Saenko, RISE, BMVC 2018. At most `batch_size` changed images are held at once.
    """
    kind = CURVES[curve]
    left = BASELINES[kind.baseline](images)
    start, end = (left, images) if kind.inserts else (images, left)
    return replaced(network, start, end, ranks(heat).to(images.device), target, steps, batch_size)


@torch.inference_mode()
def replaced(
    network: Network,
    start: Tensor,
    end: Tensor,
    rank: Tensor,
    target: Tensor,
    steps: int = STEPS,
    batch_size: int = BATCH,
    ends: tuple[Floats, Floats] | None = None,
) -> Floats:
    """Probabilities of the target, (N, steps + 1), while pixels of `start` give way to those of `end` by their rank.

    `start`, `end`: (N, C, H, W); `rank`: (N, H, W) int64, the lowest first, on the same device; `ends`: what the
    network says of `start` and `end`, (N,) each, where that is known. The changed images of several steps and cases
    share a batch.
    """
    taken = torch.tensor(counts(rank[0].numel(), steps)[1:-1], device=rank.device)
    jobs = torch.arange(len(start) * len(taken), device=rank.device)  # a case's steps stand together
    found = [np.empty(0)]
    for job in torch.split(jobs, batch_size) if len(jobs) else ():
        case, step = job // len(taken), job % len(taken)
        given_way = rank[case] < taken[step, None, None]
        changed = torch.where(given_way[:, None], end[case], start[case])
        found.append(probabilities(network, changed, target[case], batch_size))
    first, last = ends or [probabilities(network, whole, target, batch_size) for whole in (start, end)]
    between = np.concatenate(found).reshape(len(start), len(taken))
    return np.concatenate([first[:, None], between, last[:, None]], axis=1)


@torch.inference_mode()
def probabilities(network: Network, images: Tensor, target: Tensor, batch_size: int = BATCH) -> Floats:
    """(N,) softmax probabilities of each image's target."""
    parts = zip(torch.split(images, batch_size), torch.split(target, batch_size), strict=True)
    chosen = [torch.softmax(network(some).float(), 1).gather(1, own[:, None])[:, 0] for some, own in parts]
    return np.asarray(torch.cat(chosen).cpu().numpy(), dtype=np.float64)


def fractions(pixels: int, steps: int = STEPS) -> Floats:
    """The share of pixels taken at each point of a curve, (steps + 1,), from 0 to 1."""
    return np.array(counts(pixels, steps)) / pixels


def area(fraction: Floats, curve: Floats) -> Floats:
    """Area under curves (..., points) over their fractions (points,), by the trapezoidal rule; between 0 and 1."""
    return np.asarray(np.trapezoid(curve, fraction, axis=-1))
