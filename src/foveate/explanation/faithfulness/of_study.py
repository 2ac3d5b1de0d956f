"""The faithfulness of a study's heat-maps: the same images for all models, each score beside what knows nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from foveate.data.batches import Batches
from foveate.data.prepare import pack_of, split_file
from foveate.explanation import heatmaps
from foveate.explanation.faithfulness import curves, order, road
from foveate.explanation.faithfulness.curves import CURVES, Floats, Network
from foveate.explanation.faithfulness.folding import folded
from foveate.explanation.heatmaps import Heatmaps
from foveate.explanation.localisation.priors import centre_prior
from foveate.models import load_model
from foveate.runs import Run, StudyFolder, derive_seed

IMAGES = 32  # of a data set
USUAL = ("deletion", "insertion")  # of curves.CURVES
ROAD, ROAD_ACCURACY = "road", "road_accuracy"
ROAD_MOST, ROAD_LEAST = "road_most", "road_least"  # curves: the hottest made up, the coolest
HEAT, RANDOM, CENTRE = ORDERS = "heat", "random", "centre"
SCORES = [
    "dataset",
    "policy",
    "model",
    "repeat",
    "case",
    "metric",
    "value",
    "control_random",
    "control_centre",
    "blank",
]
MEANS = ["dataset", "policy", "model", "repeat", "metric", "order", "fraction", "probability"]
_BATCH = {"cuda": 256}  # images of a batch, where a device takes more than is best on a CPU
_HELD = 8  # images whose imputed versions are held at once

Advance = Callable[[int], None]
Scored = Mapping[str, Mapping[str, Floats]]  # order -> metric -> (n,) a score a case


@dataclass(frozen=True)
class Faithfulness:
    """faithfulness.csv, a row a case and metric, and the mean curves that its areas are of."""

    scores: pd.DataFrame  # SCORES; `blank`: the map is zero everywhere, and the order is that of reading
    curves: pd.DataFrame  # MEANS; of ROAD one for the hottest pixels made up, one for the coolest


@dataclass(frozen=True)
class Sample:
    """The images of a split that are changed, and what does not depend on the run."""

    rows: list[int]  # of the heat-maps' cases
    cases: list[str]
    images: Tensor  # (n, channels, side, side) normalised, on the device
    controls: Mapping[str, Tensor]  # order -> (n, side, side) ranks, on the device
    imputed: Mapping[str, Tensor]  # order -> (n, 2 * shares, channels, side, side), on the CPU
    noise: int  # the seed of ROAD's noise


def faithfulness_of_study(
    folder: StudyFolder,
    evaluated: Sequence[Run],
    device: torch.device,
    images: int = IMAGES,
    of: Sequence[str] = USUAL,
    advance: Advance = lambda images: None,
) -> Faithfulness:
    """Deletion, insertion and ROAD of each run's heatmaps.npz, for up to `images` cases of its validation part.

    The cases are drawn from the study's seed, the same for every model; so are the random order, one a case, and
    ROAD's noise. `of`: which of curves.CURVES. Probabilities are of the class that the map explains, the true one.
    `advance` is called with the number of images done. Raises FoveateError where a run has no weights or heat-maps.
    """
    rows, means = [], []
    samples: dict[Path, Sample] = {}
    for run in evaluated:
        split = folder.data(run.subject) / split_file(folder.study, run.repeat)
        maps = heatmaps.load(folder.run(run) / heatmaps.file_name())
        if split not in samples:
            samples = {split: sample_of(folder, run, maps, device, images)}  # one at a time: it may be large
        sample = samples[split]
        network = folded(load_model(folder.run(run)).network).on(device)
        scored, drawn = of_run(network, sample, maps, of, advance)
        names = (run.subject.dataset, run.subject.policy, run.model, run.repeat)
        blank = maps.raw[sample.rows].max((1, 2)) <= 0
        for metric in scored[HEAT]:
            values = zip(sample.cases, *(scored[name][metric] for name in ORDERS), blank, strict=True)
            rows += [(*names, case, metric, *found) for case, *found in values]
        means += [(*names, *line) for line in drawn]
    return Faithfulness(pd.DataFrame(rows, columns=SCORES), pd.DataFrame(means, columns=MEANS))


def chosen_cases(maps: Heatmaps, images: int, seed: int) -> list[int]:
    """Rows of the heat-maps, drawn at random and in order: as many of each class as there are, and as asked for."""
    generator = np.random.default_rng(seed)
    drawn = generator.permutation(len(maps.case))
    place = np.empty(len(drawn), dtype=int)  # of a case among those of its class
    for label in np.unique(maps.target):
        own = maps.target[drawn] == label
        place[own] = np.arange(own.sum())
    return sorted(int(row) for row in drawn[np.argsort(place, kind="stable")[:images]])


def sample_of(folder: StudyFolder, run: Run, maps: Heatmaps, device: torch.device, images: int) -> Sample:
    """The cases of a run's split with their images and controls; of all runs with this split it is the same."""
    split = split_file(folder.study, run.repeat)
    seed = derive_seed(folder.study.seed, run.subject.name, split, "faithfulness")
    rows = chosen_cases(maps, images, seed)
    cases = [str(maps.case[row]) for row in rows]
    data = Batches(pack_of(folder, run.subject), cases, split, device)
    pixels, _ = data.gather(torch.arange(len(cases), device=data.index_device))
    side = pixels.shape[-1]
    centre = order.ranks(torch.from_numpy(centre_prior(side))[None]).expand(len(cases), -1, -1)
    controls = {RANDOM: order.random_ranks(len(cases), side, side, Generator().manual_seed(seed)), CENTRE: centre}
    imputed = {name: _made_up(pixels, rank, seed) for name, rank in controls.items()}
    return Sample(rows, cases, pixels, {name: rank.to(device) for name, rank in controls.items()}, imputed, seed)


def of_run(
    network: Network, sample: Sample, maps: Heatmaps, of: Sequence[str], advance: Advance
) -> tuple[Scored, list[tuple[str, str, float, float]]]:
    """Scores of every order and metric, and the rows (metric, order, fraction, probability) of their mean curves."""
    side, device = sample.images.shape[-1], sample.images.device
    heat = np.stack([heatmaps.heat(maps.raw[row], side, side) for row in sample.rows])
    target = torch.from_numpy(maps.target[sample.rows]).to(device)
    orders = {HEAT: order.ranks(torch.from_numpy(heat)).to(device), **sample.controls}
    baselines = {name: make(sample.images) for name, make in curves.BASELINES.items()}
    fraction, batch = curves.fractions(side * side), _BATCH.get(device.type, curves.BATCH)
    whole = curves.probabilities(network, sample.images, target, batch)
    nothing = {name: curves.probabilities(network, left, target, batch) for name, left in baselines.items()}
    scored: dict[str, dict[str, Floats]] = {name: {} for name in ORDERS}
    drawn: list[tuple[str, str, float, float]] = []
    for name, rank in orders.items():
        for metric in of:
            left, ends = baselines[CURVES[metric].baseline], (whole, nothing[CURVES[metric].baseline])
            start, end = sample.images, left
            if CURVES[metric].inserts:
                start, end, ends = end, start, ends[::-1]
            found = curves.replaced(network, start, end, rank, target, batch_size=batch, ends=ends)
            scored[name][metric] = curves.area(fraction, found)
            drawn += [(metric, name, *point) for point in zip(fraction, found.mean(0), strict=True)]
        results = [road.road(network, *part, batch) for part in _changed(sample, name, rank, target)]
        scored[name][ROAD] = np.concatenate([result.score for result in results])
        scored[name][ROAD_ACCURACY] = np.concatenate([result.accuracy_score for result in results])
        for metric, parts in (
            (ROAD_MOST, [result.most for result in results]),
            (ROAD_LEAST, [result.least for result in results]),
        ):
            mean = np.concatenate(parts).mean(0)
            drawn += [(metric, name, *point) for point in zip(road.SHARES, mean, strict=True)]
        if name == HEAT:
            advance(len(sample.rows))
    return scored, drawn


def _changed(sample: Sample, name: str, rank: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Imputed images and their targets, some cases at a time; the controls' are the same for every run."""
    if name in sample.imputed:
        yield sample.imputed[name], target
        return
    generator = Generator().manual_seed(sample.noise)
    for images, own, chosen in zip(
        *(torch.split(whole, _HELD) for whole in (sample.images, rank, target)), strict=True
    ):
        yield road.made_up(images, own, generator, workers=torch.get_num_threads()), chosen


def _made_up(images: Tensor, rank: Tensor, seed: int) -> Tensor:
    generator = Generator().manual_seed(seed)
    return road.made_up(images, rank, generator, workers=torch.get_num_threads())
