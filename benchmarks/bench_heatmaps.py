"""What do heat-maps cost on top of the evaluation pass?

Prints the ratio of the pass with maps to the pass without. The aim is at most 1.10.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import torch

from benchmarks.bench_training import IMAGES, synthetic_pack
from benchmarks.timing import by_turns, conditions, summary
from foveate.data.batches import Batches
from foveate.evaluation.predict import predict
from foveate.explanation.cam import grad_cam
from foveate.models import create_model

ROUNDS = 9


def main() -> None:
    print(f"evaluation pass with and without heat-maps, {ROUNDS} rounds by turns; {conditions()}")
    with tempfile.TemporaryDirectory() as folder:
        for name, pixels in (("resnet18", 100), ("resnet18", 224), ("resnet18+cbam", 224)):
            pack = synthetic_pack(Path(folder), pixels)
            cases = pack.index.cases[: IMAGES if pixels < 200 else IMAGES // 4]  # 64 large ones are one whole batch
            data = Batches(pack, cases, "split.csv", torch.device("cpu"))
            model = create_model(name).on(torch.device("cpu"))
            with_maps, without = by_turns(
                partial(predict, model, data, explain=grad_cam), partial(predict, model, data), ROUNDS
            )
            ratios = [one / other for one, other in zip(with_maps, without, strict=True)]
            print(f"{name:14} {pixels:3} px, {len(cases)} images  ratio {summary(ratios)}")


if __name__ == "__main__":
    main()
