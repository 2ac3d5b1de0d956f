"""Deletion, insertion, ROAD's imputation and layer randomisation as their papers describe them, one image at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, lil_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from foveate.explanation.cam import grad_cam
from foveate.explanation.repeatability import correlation
from foveate.explanation.sanity import layers
from foveate.models.resnet import ResNet

Floats = NDArray[np.float64]
OFFSETS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column]


@torch.inference_mode()
def curve(network: ResNet, start: Tensor, end: Tensor, heat: Tensor, target: int, counts: Sequence[int]) -> Floats:
    """One image's curve: pixels of `start` (C, H, W) give way to those of `end`, step by step, each run by itself."""
    order = torch.argsort(heat.flatten(), descending=True, stable=True)
    changed, found, done = start.clone(), [], 0
    for count in counts:
        changed.flatten(1)[:, order[done:count]] = end.flatten(1)[:, order[done:count]]
        done = count
        found.append(torch.softmax(network(changed[None]), 1)[0, target].item())
    return np.array(found)


def impute(image: Floats, unknown: NDArray[np.bool_], channels_together: bool = False) -> Floats:
    """An image (C, H, W) with its unknown pixels solved for, channel by channel or with all as right sides at once."""
    matrix, right = equations(image, unknown)
    filled = image.copy()
    if channels_together:
        filled[:, unknown] = spsolve(matrix, right).reshape(len(right), -1).T
    else:
        for channel, side in enumerate(right.T):
            filled[channel, unknown] = spsolve(matrix, side)
    return filled


def equations(image: Floats, unknown: NDArray[np.bool_]) -> tuple[csc_matrix, Floats]:
    """The matrix of the unknown pixels, and a right side a channel, one neighbour of all pixels after the other."""
    height, width = unknown.shape
    row, column = np.nonzero(unknown)
    number = np.full(unknown.shape, -1)
    number[row, column] = np.arange(len(row))
    matrix, right, total = lil_matrix((len(row), len(row))), np.zeros((len(row), len(image))), np.zeros(len(row))
    for down, across in OFFSETS:
        weight = 1 / 12 if down and across else 1 / 6
        near, beside = row + down, column + across
        inside = np.flatnonzero((near >= 0) & (near < height) & (beside >= 0) & (beside < width))
        total[inside] += weight
        other = number[near[inside], beside[inside]]
        pairs, known = inside[other >= 0], inside[other < 0]
        matrix[pairs, other[other >= 0]] = -weight
        right[known] += weight * image[:, near[known], beside[known]].T
    matrix.setdiag(total)
    return csc_matrix(matrix), right


@torch.inference_mode()
def randomised(network: ResNet, scrambled: ResNet, images: Tensor, target: Tensor) -> tuple[Floats, Floats]:
    """Correlations as `sanity.compared` gives them, each changed network run from the image on."""
    trained, random = list(layers(network).values()), list(layers(scrambled).values())

    def maps(changed: set[int]) -> NDArray[np.float32]:
        x = images
        for place, (own, other) in enumerate(zip(trained, random, strict=True)):
            x = (other if place in changed else own)(x)
        head = scrambled if len(trained) in changed else network
        return np.asarray(grad_cam(x, head.fc.weight, target).numpy())

    first, top = maps(set()), len(trained)
    cascading = [maps(set(range(place, top + 1))) for place in range(top, -1, -1)]
    independent = [maps({place}) for place in range(top, -1, -1)]
    found = [np.stack([correlation(first, own, "spearman") for own in kind]) for kind in (cascading, independent)]
    return found[0], found[1]
