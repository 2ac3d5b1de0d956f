"""What do heat-maps cost on top of the forward passes?

First the maps of N images by M models: evaluation with Grad-CAM against the forward passes alone; the aim is at most
1.10. Then one batch by each method, as multiples of its forward pass, beside torchcam where it has the same method.
`--small` is a short look on one thread that measures little.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
import torchcam.methods
from torch import Tensor

from benchmarks.bench_training import IMAGES, synthetic_pack
from benchmarks.timing import by_turns, conditions, summary
from foveate.data.batches import Batches
from foveate.evaluation.predict import predict
from foveate.explanation.cam import METHODS, explain, grad_cam
from foveate.models import create_model
from foveate.models.resnet import ResNet

CPU = torch.device("cpu")
MODELS = ("resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc")
TAPS = {"pooling": "layer4", "layer3": "layer3", "layer1": "layer1"}  # ours -> the same tensor for torchcam
THEIRS = {
    "grad_cam": torchcam.methods.GradCAM,
    "grad_cam_plus_plus": torchcam.methods.GradCAMpp,  # its weights are others, its work is the same
    "layer_cam": torchcam.methods.LayerCAM,
    "score_cam": torchcam.methods.ScoreCAM,
}
CHANNEL_BY_CHANNEL = "score_cam"  # some hundred forward passes: one image, one tap, few rounds


def forward_passes(models: Sequence[ResNet], data: Batches) -> None:
    with torch.inference_mode():
        for model in models:
            for rows in torch.split(torch.arange(len(data)), 64):
                model(data.gather(rows)[0])


def grid(pixels: int, count: int, rounds: int, folder: Path) -> None:
    """The heat-maps of `count` images by all four models, against the models' forward passes over them."""
    pack = synthetic_pack(folder, pixels)
    data = Batches(pack, pack.index.cases[:count], "split.csv", CPU)
    models = [create_model(name).on(CPU).eval() for name in MODELS]
    ours, reference = by_turns(
        lambda: [predict(model, data, explain=grad_cam) for model in models],
        partial(forward_passes, models, data),
        rounds,
    )
    ratios = [one / other for one, other in zip(ours, reference, strict=True)]
    print(f"{count} images of {pixels} px x {len(models)} models: {summary(ratios)} x the forward passes")


def by_torchcam(model: ResNet, images: Tensor, method: str, tap: str) -> None:
    target = [0] * len(images)
    with THEIRS[method](model, target_layer=TAPS[tap]) as extractor:
        extractor(target, model(images), normalized=False)


def methods(pixels: int, batch: int, rounds: int) -> None:
    """One batch by each method at some taps."""
    model = create_model("resnet18+cbam").on(CPU).eval()
    shape, generator = (batch, 3, pixels, pixels), torch.Generator().manual_seed(0)
    images = torch.randn(shape, generator=generator).contiguous(memory_format=torch.channels_last)
    print(f"one batch, resnet18+cbam, {pixels} px; x its forward pass, and of torchcam the same")
    for method in METHODS:
        for tap in TAPS if method != CHANNEL_BY_CHANNEL else ["layer3"]:
            given, turns = (images[:1], 3) if method == CHANNEL_BY_CHANNEL else (images, rounds)
            weights = torch.eye(2)[[0] * len(given)]
            ours = ratio(partial(explain, model, given, weights, method, tap), model, given, turns)
            theirs = ""
            if method in THEIRS:
                own = ratio(partial(by_torchcam, model, given, method, tap), model, given, turns)
                medians = statistics.median(ours) / statistics.median(own)
                theirs = f"   torchcam {summary(own)}, ours / theirs {medians:.2f}"
            print(f"  {method:18} {tap:8} {summary(ours)}{theirs}", flush=True)


def ratio(action: Callable[[], object], model: ResNet, images: Tensor, rounds: int) -> list[float]:
    """Times of an action as multiples of a forward pass."""

    def forward() -> None:
        with torch.inference_mode():
            model(images)

    times = by_turns(action, forward, rounds)
    return [one / other for one, other in zip(*times, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--small", action="store_true", help="a short look that measures little")
    small = parser.parse_args().small
    rounds = 3 if small else 9
    if small:
        torch.set_num_threads(1)  # a second one would wait for whatever else the machine does
    print(f"{rounds} rounds by turns; {conditions()}")
    with tempfile.TemporaryDirectory() as folder:
        for pixels, count in [(64, 64)] if small else [(100, IMAGES), (224, IMAGES // 4)]:
            grid(pixels, count, rounds, Path(folder))
    methods(64 if small else 224, 8 if small else 16, rounds)


if __name__ == "__main__":
    main()
