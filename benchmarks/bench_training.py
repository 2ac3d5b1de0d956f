"""Does training keep up with a bare loop over the same model on one float tensor in memory?

Prints images/s of both and their ratio. The aim is at least 0.90.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.timing import by_turns, conditions, summary
from foveate import runs
from foveate.config import Recipe
from foveate.data.batches import Batches
from foveate.data.pack import Normalisation, Pack, PackIndex
from foveate.models import create_model
from foveate.training import acceleration
from foveate.training.loop import Training, train

IMAGES, BATCH, ROUNDS = 256, 64, 7


def synthetic_pack(folder: Path, pixels: int) -> Pack:
    index = PackIndex(
        cases=[str(row) for row in range(IMAGES)],
        labels=[row % 2 for row in range(IMAGES)],
        classes=["a", "b"],
        pixels=pixels,
        fit="stretch",
        channels=3,
        normalisation={"split.csv": Normalisation(mean=[127.5] * 3, std=[60.0] * 3)},
        masks={},
        fingerprint="",
    )
    generator = np.random.default_rng(0)
    np.save(folder / "pixels.npy", generator.integers(0, 256, (IMAGES, pixels, pixels, 3), dtype=np.uint8))
    runs.write_text(folder / "index.json", index.model_dump_json())
    return Pack(folder)


def measure(name: str, pixels: int, precision: str, folder: Path) -> None:
    pack = synthetic_pack(folder, pixels)
    data = Batches(pack, pack.index.cases, "split.csv", torch.device("cpu"))
    training = Training(Recipe(curve_points=0), 1, 0, precision, folder / "checkpoint.pt")
    ours_model, bare_model = (create_model(name).on(torch.device("cpu")).train() for _ in range(2))
    images = data.gather(torch.arange(IMAGES))[0].contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(bare_model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

    def ours() -> None:
        train(ours_model, data, training, lambda _: 0.5)

    def bare() -> None:
        for start in range(0, IMAGES, BATCH):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                logits = bare_model(images[start : start + BATCH])
            loss = F.cross_entropy(logits.float(), data.labels[start : start + BATCH])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    times = by_turns(ours, bare, ROUNDS)
    speeds = [[IMAGES / seconds for seconds in own] for own in times]
    ratios = [bare_time / own for own, bare_time in zip(*times, strict=True)]
    fast, reference = (statistics.median(own) for own in speeds)
    print(f"{name:14} {pixels:3} px {precision:8}  {fast:6.1f} of {reference:6.1f} images/s: ratio {summary(ratios)}")


def main() -> None:
    print(f"training against a bare loop, {ROUNDS} rounds by turns; {conditions()}")
    precision = acceleration.resolve_precision("auto", torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("resnet18", "resnet18+cbam"):
            measure(name, 100, precision, Path(folder))
        measure("resnet18", 224, precision, Path(folder))


if __name__ == "__main__":
    main()
