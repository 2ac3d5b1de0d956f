"""Does a heat-map depend on what the network learned? Layers are given random weights, and the maps compared.

Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim: Sanity Checks for Saliency Maps, NeurIPS 2018. A map that hardly
changes shows the image, not the network. A layer here is the stem, a residual block, an attention block that stands
between them, or the head; the signed raw maps of the same class are compared, as the positive part has ties.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from foveate.data.batches import Batches
from foveate.data.prepare import pack_of, split_file
from foveate.explanation import heatmaps
from foveate.explanation.cam import grad_cam
from foveate.explanation.faithfulness.of_study import IMAGES, chosen_cases
from foveate.explanation.repeatability import correlation
from foveate.models import load_model
from foveate.models.resnet import ResNet
from foveate.runs import Run, StudyFolder, derive_seed

CASCADING, INDEPENDENT = MODES = "cascading", "independent"
COLUMNS = [
    "dataset", "policy", "model", "repeat", "mode", "position", "layer", "cases", "undefined", "correlation",
]  # fmt: skip

Floats = NDArray[np.float64]
Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sanity:
    """Rank correlation of each map with that of the trained network, NaN where a map is constant."""

    layers: tuple[str, ...]  # L names, from the head down to the stem
    cascading: Floats  # (L, N): all layers from the head down to this one are random
    independent: Floats  # (L, N): this layer alone is


def layers(network: ResNet) -> dict[str, Layer]:
    """What the network does to an image before pooling, layer by layer, from the stem up."""

    def stem(x: Tensor) -> Tensor:
        x = F.relu(network.bn1(network.conv1(x)), inplace=True)
        return F.max_pool2d(x, 3, stride=2, padding=1)

    found: dict[str, Layer] = {"conv1": stem}
    for name in ("layer1", "layer2", "layer3", "layer4"):
        stage = network.get_submodule(name)
        if type(stage) is nn.Sequential:
            found |= {f"{name}.{part}": module for part, module in stage.named_children()}
        else:  # an attention that looks around the stage: it is one layer
            found[name] = stage
    return found


def sanity(
    network: ResNet,
    images: Tensor,
    target: Tensor,
    generator: Generator,
    attention_init: str = "official",
    batch_size: int = 32,
) -> Sanity:
    """Grad-CAM of `images` (N, C, H, W) for fixed classes `target` (N,), while layers lose their weights.

    The random weights are those of a new network of the same kind, initialised by its own rule from `generator` (of
    the CPU). The network itself is not touched: a copy gets them.
    """
    device = images.device
    scrambled = copy.deepcopy(network).cpu()
    scrambled.reset_parameters(generator, attention_init)
    parts = [
        compared(network, scrambled.on(device), some, chosen)
        for some, chosen in zip(torch.split(images, batch_size), torch.split(target, batch_size), strict=True)
    ]
    names = (*list(layers(network))[::-1],)
    cascading, independent = (np.concatenate(found, axis=1) for found in zip(*parts, strict=True))
    return Sanity(("fc", *names), cascading, independent)


@torch.inference_mode()
def compared(network: ResNet, scrambled: ResNet, images: Tensor, target: Tensor) -> tuple[Floats, Floats]:
    """(L, N) Spearman correlations with the trained network's maps, cascading and independent, from the head down.

    Both networks run in evaluation mode and are put back. Each layer's input in the trained network is kept, so that
    only what stands above a changed layer is run again; a changed head costs one product.
    """
    was_training = network.training
    network.eval()
    scrambled.eval()
    trained, random = list(layers(network).values()), list(layers(scrambled).values())
    inputs = [images]
    for layer in trained:
        inputs.append(layer(inputs[-1]))
    weight, random_weight = network.fc.weight, scrambled.fc.weight
    first = _maps(inputs[-1], weight, target)
    head = correlation(first, _maps(inputs[-1], random_weight, target), "spearman")
    cascading, independent = [head], [head]
    for place in reversed(range(len(trained))):
        changed = random[place](inputs[place])
        cascade = _through(random[place + 1 :], changed)
        cascading.append(correlation(first, _maps(cascade, random_weight, target), "spearman"))
        alone = _through(trained[place + 1 :], changed)
        independent.append(correlation(first, _maps(alone, weight, target), "spearman"))
    network.train(was_training)
    return np.stack(cascading), np.stack(independent)


def sanity_of_study(
    folder: StudyFolder,
    evaluated: Sequence[Run],
    device: torch.device,
    images: int = IMAGES,
    advance: Callable[[int], None] = lambda images: None,
) -> pd.DataFrame:
    """A row a run, mode and layer: the mean correlation over up to `images` cases of its validation part.

    The cases are those whose faithfulness is measured, the same for all models; `position` counts layers from the
    head, 1, down. Cases whose map is constant count as `undefined`. A run has one draw of random weights, which all of
    its cases share: look at the mean over runs. Raises FoveateError where a run has no weights or heat-maps.
    """
    rows = []
    for run in evaluated:
        split = split_file(folder.study, run.repeat)
        maps = heatmaps.load(folder.run(run) / heatmaps.file_name())
        chosen = chosen_cases(maps, images, derive_seed(folder.study.seed, run.subject.name, split, "faithfulness"))
        data = Batches(pack_of(folder, run.subject), [str(maps.case[row]) for row in chosen], split, device)
        pixels, _ = data.gather(torch.arange(len(chosen), device=data.index_device))
        network = load_model(folder.run(run)).network.on(device)
        seed = derive_seed(folder.study.seed, run.key, "sanity")
        target = torch.from_numpy(maps.target[chosen]).to(device)
        init = folder.study.models[run.model].init
        found = sanity(network, pixels, target, Generator().manual_seed(seed), init)
        for mode, values in zip(MODES, (found.cascading, found.independent), strict=True):
            for position, (layer, own) in enumerate(zip(found.layers, values, strict=True), start=1):
                defined = own[~np.isnan(own)]
                mean = float(defined.mean()) if len(defined) else float("nan")
                names = (run.subject.dataset, run.subject.policy, run.model, run.repeat, mode, position, layer)
                rows.append((*names, len(defined), len(own) - len(defined), mean))
        advance(len(chosen))
    return pd.DataFrame(rows, columns=COLUMNS)


def _through(layers: Sequence[Layer], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _maps(features: Tensor, weight: Tensor, target: Tensor) -> NDArray[np.float32]:
    return np.asarray(grad_cam(features.float(), weight, target).cpu().numpy())
