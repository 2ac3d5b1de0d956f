"""How fast a study's models train here: measured in seconds, and not by how busy the machine happens to be."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from foveate.config import Study
from foveate.models import model_of
from foveate.training import acceleration
from foveate.training.loop import training_step

BUDGET = 15.0  # seconds for all models; a step that has begun is ended
_FEW, _SOME = 2, 4  # images a step: to compare models, and to time the first one
_SMALLER = (160, 128, 100, 64)  # pixels at which models are compared where there is no time for their own
_PARALLEL = 0.9  # n threads are n ** 0.9 times as fast as one: 1.9 for 2, 6.5 for 8


@dataclass(frozen=True)
class Speed:
    """Training speed with nothing else to do."""

    images_per_second: dict[str, float] = field(default_factory=dict)  # by model, forward and backward
    busy: float = 1.0  # how many times as long a step takes while other programs are at work as they are now
    unmeasured: int = 0  # models that there was no time for: taken to be as slow as the slowest


@dataclass(frozen=True)
class _Step:
    work: float  # seconds an image: of a CPU's one thread, or of a device
    wall: float  # seconds an image


def measure(study: Study, device: torch.device, precision: str, budget: float = BUDGET) -> Speed:
    """Time a few steps of each model, about `budget` seconds in all: the first at the study's pixels, the others beside
    it, at fewer pixels where that would take too long.

    On a CPU by the CPU time of one thread: threads that wait for each other on a busy machine burn time as well.
    """
    started, threads = time.perf_counter(), torch.get_num_threads()
    names = list(study.models)
    on_cpu = device.type == "cpu"
    torch.set_num_threads(1 if on_cpu else threads)
    try:
        first = _best(study, names[0], device, precision, _SOME if on_cpu else study.recipe.batch_size)
        share = (budget - (time.perf_counter() - started)) / len(names)
        small = _at(study, next((own for own in _SMALLER if _cost(study, first, own) < share), _SMALLER[-1]))
        alike = study if len(names) == 1 or _cost(study, first, study.images.pixels) < share else small
        few: list[_Step] = []
        for name in names if len(names) > 1 else ():
            if len(few) > 1 and time.perf_counter() - started > budget:
                break
            few.append(_best(alike, name, device, precision, _FEW))
    finally:
        torch.set_num_threads(threads)
    together = (study.threads or acceleration.default_threads()) ** _PARALLEL if on_cpu else 1.0
    times = [own.work / few[0].work for own in few] or [1.0]  # of the first model's
    unmeasured = len(names) - len(times)
    times += [max(times)] * unmeasured
    return Speed(
        {name: together / (first.work * longer) for name, longer in zip(names, times, strict=True)},
        first.wall / first.work,
        unmeasured,
    )


def _at(study: Study, pixels: int) -> Study:
    smaller = min(pixels, study.images.pixels)
    return study.model_copy(update={"images": study.images.model_copy(update={"pixels": smaller})})


def _cost(study: Study, step: _Step, pixels: int) -> float:
    """Seconds that comparing one more model takes."""
    return 2 * _FEW * step.wall * (pixels / study.images.pixels) ** 2


def _best(study: Study, model: str, device: torch.device, precision: str, batch: int) -> _Step:
    """The faster of two steps of a model on `batch` images, the first of which warms up."""
    pixels, channels = study.images.pixels, study.images.channels
    network = model_of(study.models[model], pixels, channels).on(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    images = torch.zeros(batch, pixels, pixels, channels, device=device).permute(0, 3, 1, 2)
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    steps = []
    for _ in range(2):
        wall, work = time.perf_counter(), clock()
        float(training_step(network, optimizer, images, labels, precision))  # float() waits for the device
        steps.append(_Step((clock() - work) / batch, (time.perf_counter() - wall) / batch))
    return min(steps, key=lambda step: step.work)
