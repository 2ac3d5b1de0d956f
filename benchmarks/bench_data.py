"""Does the data keep up? Against a DataLoader that decodes every image in every epoch, as the paper's users write it.

(a) An epoch of batches from the pack of 2,000 full-size originals, aim 10 times as fast; (b) the same of prepared
copies of about 256 pixels, aim 2; (c) the input's share of a training step, aim at most 5 %; (d) packing the originals
against the loader's first epoch, aim 1.5. `python -m benchmarks.bench_data [abcd]`. The images come from the folder
that FOVEATE_SHARED names; where it is absent, drawn JPEGs of 2,000 x 1,500 pixels stand for the originals.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.bench_training import synthetic_pack
from benchmarks.timing import by_turns, conditions, summary
from foveate import runs
from foveate.config import STANDARD, parse_study
from foveate.data.augment import augment
from foveate.data.batches import Batches
from foveate.data.decoders import decode
from foveate.data.fit import square
from foveate.data.pack import Pack
from foveate.data.pixels import quiet_pillow
from foveate.data.prepare import pack_of, prepare, source_of
from foveate.models import create_model
from foveate.runs import StudyFolder
from foveate.training.loop import training_step

IMAGES, PIXELS, BATCH, WORKERS, ROUNDS = 2000, 224, 64, 2, 5
CPU = torch.device("cpu")
SHARED = Path(os.environ.get("FOVEATE_SHARED", "../shared"))


class Files(Dataset[tuple[Tensor, int]]):
    """Image files as a textbook reads them: decoded, made square, scaled to 0..1 and normalised one by one."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.mean, self.std = torch.full((3, 1, 1), 0.5), torch.full((3, 1, 1), 0.25)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        image = Image.open(self.paths[row]).convert("RGB").resize((PIXELS, PIXELS), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)  # (3, H, W)
        return (pixels - self.mean) / self.std, row % 2


def loader_of(paths: list[Path], persistent: bool) -> DataLoader[tuple[Tensor, int]]:
    return DataLoader(Files(paths), BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=persistent)


def epoch_of_loader(loader: DataLoader[tuple[Tensor, int]]) -> None:
    for images, _ in loader:
        images.contiguous(memory_format=torch.channels_last)


def changed_by(names: Sequence[str]) -> Callable[[Tensor], Tensor] | None:
    return (lambda images: augment(images, Generator(), names)) if names else None


def epoch_of_pack(data: Batches, buffer: Tensor, names: Sequence[str]) -> None:
    for rows in torch.split(torch.randperm(len(data)), BATCH):
        data.gather(rows, changed_by(names), buffer)


def copies(sources: list[Path], folder: Path) -> list[Path]:
    """The sources over and over until there are IMAGES, in two classes."""
    written = []
    for number, source in zip(range(IMAGES), itertools.cycle(sources), strict=False):
        path = folder / ("healthy", "diseased")[number % 2] / f"{number:04}{source.suffix.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        written.append(path)
    return written


def image_files(name: str, folder: Path, side: int) -> list[Path]:
    """Images of a folder in SHARED, or drawn ones of that width: waves with noise, which are as long as photographs."""
    found = sorted(path for path in (SHARED / name).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if found:
        return found
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(16):
        waves = np.sin(np.arange(side) / side * 20 + number) * np.cos(np.arange(side * 3 // 4)[:, None] / side * 30)
        noisy: NDArray[np.float64] = 110 + 60 * waves[..., None] + random.normal(0, 6, (*waves.shape, 3))
        found.append(folder / f"{number}.jpg")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(found[-1], quality=90)
    return found


def packed(images: Path, out: Path) -> Pack:
    """The data stage, whole, with nothing in the cache. `paper` keeps the copies, which are duplicates."""
    os.environ["FOVEATE_CACHE"] = str(out / "cache")
    study = {"name": "bench", "models": ["resnet18"], "datasets": {"d": {"source": str(images)}}, "policies": "paper"}
    folder = StudyFolder(out)
    folder.create(parse_study({**study, "images": {"pixels": PIXELS}}))
    (subject,) = runs.subjects(folder.study)
    prepare(folder, subject, source_of(folder, subject))
    return pack_of(folder, subject)


def compare(name: str, ours: Callable[[], object], reference: Callable[[], object]) -> None:
    own, other = by_turns(ours, reference, ROUNDS)
    ratios = [slow / fast for fast, slow in zip(own, other, strict=True)]
    print(f"{name:35} {summary(own)} s against {summary(other)} s: ratio {summary(ratios)}", flush=True)


def batches(name: str, paths: list[Path], pack: Pack) -> None:
    """(a) and (b): an epoch from the pack, by turns with an epoch of a loader whose workers are up already."""
    loader = loader_of(paths, persistent=True)
    for resident, names in ((True, ()), (False, ()), (True, STANDARD)):
        data = Batches(pack, pack.index.cases, "split.csv", CPU, resident)
        kind = f"{name} {'resident' if resident else 'streamed'}{', standard' if names else ''}"
        compare(kind, partial(epoch_of_pack, data, data.buffer(BATCH), names), partial(epoch_of_loader, loader))


def share_of_step(folder: Path) -> None:
    """(c): what it takes to get a batch of 64 ready, of what a step of ResNet-18 takes with it."""
    model = create_model("resnet18").on(CPU).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    pack = synthetic_pack(folder, PIXELS)
    data = Batches(pack, pack.index.cases, "split.csv", CPU)
    rows, buffer = torch.randperm(len(data))[:BATCH], data.buffer(BATCH)
    images, labels = data.gather(rows)
    for precision, names in itertools.product(("bfloat16", "float32"), ((), STANDARD)):
        step = partial(training_step, model, optimizer, images, labels, precision)
        own, other = by_turns(partial(data.gather, rows, changed_by(names), buffer), step, ROUNDS)
        shares = [100 * one / two for one, two in zip(own, other, strict=True)]
        kind = f"(c) {precision}{', standard' if names else ''}"
        print(f"{kind:35} {summary(own)} s of {summary(other)} s: {summary(shares)} %", flush=True)


def packing(paths: list[Path], images: Path, folder: Path) -> None:
    """(d): the data stage against the first epoch of a loader, which starts its workers."""
    outs = (folder / f"out{number}" for number in itertools.count())
    compare("(d)", lambda: packed(images, next(outs)), lambda: epoch_of_loader(loader_of(paths, persistent=False)))


def parts_of_packing(sources: list[Path]) -> None:
    """Where the time of (d) goes: milliseconds an image by one thread, beside what the loader does to one."""
    decoded, files, threads = [decode(path) for path in sources], Files(sources), torch.get_num_threads()
    parts: dict[str, Callable[[int], object]] = {
        "decode": lambda row: decode(sources[row]),
        "hash": lambda row: decoded[row].pixel_hash,
        "make square": lambda row: square(decoded[row].pixels, PIXELS, "stretch"),
        "the loader": lambda row: files[row],
    }
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _, (name, action) in itertools.product(range(ROUNDS), parts.items()):
        started = time.perf_counter()
        for row in range(len(sources)):
            action(row)
        seconds[name].append((time.perf_counter() - started) / len(sources))
    torch.set_num_threads(threads)
    for name, own in seconds.items():
        print(f"    {name:12} {summary([1000 * value for value in own])} ms an image")


def main(asked: str = "abcd") -> None:
    print(f"data, {ROUNDS} rounds by turns; {conditions()}, Pillow {PIL.__version__}, {WORKERS} workers")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name, quiet_pillow():
        folder = Path(name)
        if "a" in asked or "d" in asked:
            originals = image_files("originals", folder / "drawn", 2000)
            paths = copies(originals, folder / "originals")
            if "a" in asked:
                batches("(a)", paths, packed(folder / "originals", folder / "a"))
            if "d" in asked:
                packing(paths, folder / "originals", folder)
                parts_of_packing(originals)
        if "b" in asked:
            paths = copies(image_files("data/mri", folder / "small", 256), folder / "prepared")
            batches("(b)", paths, packed(folder / "prepared", folder / "b"))
        if "c" in asked:
            share_of_step(folder)
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
