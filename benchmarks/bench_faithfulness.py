"""What do faithfulness and sanity of heat-maps cost, against one image at a time?

Prints how many times as fast as the textbook's loop deletion and insertion, ROAD's imputation and the randomisation of
layers are, and how many times as fast as torchcam's metric, which stacks steps too, deletion and insertion are. Both
forms must give the same numbers. The aim is 3 against the loops. The imputation reaches it, deletion and insertion for
small images only: on a CPU nearly all of the time is the network's own and a batch wins little over single images, the
less the larger they are; the randomisation runs half of each changed network.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torchcam.methods import GradCAM
from torchcam.metrics import DeletionInsertionMetric

from benchmarks import textbook_faithfulness as textbook
from benchmarks.timing import by_turns, conditions, summary
from foveate.explanation import heatmaps
from foveate.explanation.faithfulness import curves, order
from foveate.explanation.faithfulness.folding import folded
from foveate.explanation.faithfulness.imputation import impute_all
from foveate.explanation.sanity import compared
from foveate.models import create_model
from foveate.models.resnet import ResNet

CPU = torch.device("cpu")
NAMES = ("deletion", "insertion_mean")  # what torchcam's metric computes by default
SHARES = (0.2, 0.8)

Floats = NDArray[np.float64]


def print_ratio(
    words: str, ours: Callable[[], Floats], reference: Callable[[], Floats], rounds: int, within: float
) -> None:
    """One row. Both give the same numbers: AssertionError where they do not."""
    results: dict[str, Floats] = {}

    def kept(name: str, form: Callable[[], Floats]) -> None:
        results[name] = form()

    fast, slow = by_turns(partial(kept, "ours", ours), partial(kept, "reference", reference), rounds)
    apart = float(np.abs(results["ours"] - results["reference"]).max())
    assert apart <= within, f"{words}: the two forms differ by {apart:.1e}"
    ratios = [theirs / own for own, theirs in zip(fast, slow, strict=True)]
    seconds = f"{statistics.median(fast):7.3f} against {statistics.median(slow):7.3f} s"
    print(f"{words:66} {seconds}  ratio {summary(ratios):24}  agree to {apart:.0e}", flush=True)


def some_heat(images: int, side: int) -> Floats:
    """Maps as Grad-CAM gives them: a few cells, partly negative, enlarged."""
    cells = -(-side // 32)
    raw = np.random.default_rng(0).normal(size=(images, cells, cells))
    return np.stack([heatmaps.heat(one, side, side) for one in raw])


def bench_curves(side: int, count: int, rounds: int) -> None:
    network = create_model("resnet18", generator=Generator().manual_seed(0)).eval()
    images = torch.randn(count, 3, side, side, generator=Generator().manual_seed(1))
    heat = torch.from_numpy(some_heat(count, side))
    target = torch.arange(count) % 2
    fraction, counts = curves.fractions(side * side), order.counts(side * side, curves.STEPS)

    def ours() -> Floats:
        fast, laid = folded(network).on(CPU), images.contiguous(memory_format=torch.channels_last)
        return np.stack([curves.area(fraction, curves.curves(fast, laid, heat, target, name)) for name in NAMES])

    def loop() -> Floats:
        return np.array([[curves.area(fraction, one) for one in by_image(name)] for name in NAMES])

    def by_image(name: str) -> Iterator[Floats]:
        for image, own, chosen in zip(images, heat, target.tolist(), strict=True):
            ends = (image, torch.zeros_like(image))
            start, end = ends[::-1] if curves.CURVES[name].inserts else ends
            yield textbook.curve(network, start, end, own, chosen, counts)

    words = f"deletion and insertion, {count} images of {side} px, {curves.STEPS} steps"
    print_ratio(f"{words}; loop", ours, loop, rounds, within=1e-5)
    if side * side % curves.STEPS == 0:  # else its steps are other ones
        hooked = create_model("resnet18", generator=Generator().manual_seed(0)).eval()
        extractor: Any = GradCAM(hooked, target_layer="layer4")
        extractor.fuse_cams = lambda maps: heat  # the same maps for both
        theirs = partial(torchcam_areas, extractor, images, target)
        print_ratio(f"{words}; torchcam", lambda: ours().mean(1), theirs, rounds, within=1e-5)


def torchcam_areas(extractor: Any, images: Tensor, target: Tensor) -> Floats:
    metric = DeletionInsertionMetric(extractor, lambda logits: torch.softmax(logits, -1), steps=curves.STEPS)
    metric.update(images, target.tolist())
    found = metric.summary()
    return np.array([found["deletion_auc"], found["insertion_auc"]])


def bench_imputation(side: int, count: int, rounds: int, grey: bool) -> None:
    random = np.random.default_rng(0)
    images = random.normal(size=(count, 1 if grey else 3, side, side)).cumsum(2).cumsum(3) / side
    images = np.repeat(images, 3, axis=1) if grey else images
    rank = order.ranks(torch.from_numpy(some_heat(count, side))).numpy()
    unknown = np.stack([rank < round(share * side * side) for share in SHARES], axis=1)

    def ours() -> Floats:
        return impute_all(images, unknown, torch.get_num_threads()).astype(np.float64)

    def loop(together: bool) -> Floats:
        pairs = np.ndindex(unknown.shape[:2])
        return np.stack([textbook.impute(images[place[0]], unknown[place], together) for place in pairs]).reshape(
            *unknown.shape[:2], *images.shape[1:]
        )

    words = f"ROAD's imputation, {count} {'grey' if grey else 'colour'} images of {side} px"
    print_ratio(f"{words}; channel by channel", ours, partial(loop, False), rounds, within=1e-5)
    print_ratio(f"{words}; image by image", ours, partial(loop, True), rounds, within=1e-5)


def bench_sanity(side: int, count: int, rounds: int) -> None:
    networks = [create_model("resnet18", generator=Generator().manual_seed(seed)).eval().on(CPU) for seed in (0, 1)]
    images = torch.randn(count, 3, side, side, generator=Generator().manual_seed(1))
    images, target = images.contiguous(memory_format=torch.channels_last), torch.arange(count) % 2
    trained, scrambled = networks

    def stacked(form: Callable[[ResNet, ResNet, Tensor, Tensor], tuple[Floats, Floats]]) -> Floats:
        return np.stack(form(trained, scrambled, images, target))

    words = f"randomised layers, both modes, {count} images of {side} px; whole runs"
    print_ratio(words, partial(stacked, compared), partial(stacked, textbook.randomised), rounds, within=1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=4)
    asked = parser.parse_args()
    print(f"faithfulness against one image at a time, {asked.rounds} rounds by turns; {conditions()}")
    for side in (60, 100, 128, 224):
        bench_curves(side, asked.images, asked.rounds)
    for grey in (False, True):
        bench_imputation(224, asked.images, asked.rounds, grey)
    bench_sanity(100, 2 * asked.images, asked.rounds)


if __name__ == "__main__":
    main()
