"""How much work a study is, in images that pass through a network, and how long that takes here."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from foveate.config import Study
from foveate.data.prepare import pack_of, split_file
from foveate.data.split import TRAIN, VALIDATION
from foveate.execution import worker
from foveate.models import model_of
from foveate.runs import Run, StudyFolder, Subject, grid, subjects
from foveate.training import checkpoint
from foveate.training.loop import training_step

_FORWARD = 1 / 3  # cost of a forward pass, as a share of forward and backward
_DECODING = 0.1  # cost of decoding an image, likewise; only the progress bar depends on it


@dataclass(frozen=True)
class Work:
    """A study's work in images that pass through a network, decoding included at its lower cost."""

    total: float
    done: float


def work(folder: StudyFolder, unread: dict[Subject, int]) -> Work:
    """What the whole study takes and what of it is done; `unread` gives the images of data sets to be decoded."""
    total = done = 0.0
    for subject in subjects(folder.study):
        prepared = subject not in unread
        decoding = _DECODING * (len(pack_of(folder, subject).index.cases) if prepared else unread[subject])
        total += decoding
        done += decoding if prepared else 0
    for run in grid(folder.study):
        if run.subject in unread:
            fraction = folder.study.validation_fraction
            epochs = folder.study.epochs(run.subject.dataset)
            total += unread[run.subject] * ((1 - fraction) * epochs + fraction)
        else:
            images = images_of_run(folder, run)
            total += images
            done += images if worker.is_trained(folder, run) else images - images_left(folder, run)
    return Work(total, done)


def decoded(count: int) -> float:
    """Work of decoding images, in the units of `work`."""
    return _DECODING * count


def images_of_run(folder: StudyFolder, run: Run) -> int:
    """Images that a run passes through its network: all epochs of training, one evaluation."""
    parts = worker.cases_by_part(folder.data(run.subject) / split_file(folder.study, run.repeat))
    return folder.study.epochs(run.subject.dataset) * len(parts[TRAIN]) + len(parts[VALIDATION])


def images_left(folder: StudyFolder, run: Run) -> int:
    """What of `images_of_run` is still to be done, given the run's checkpoint."""
    parts = worker.cases_by_part(folder.data(run.subject) / split_file(folder.study, run.repeat))
    done = checkpoint.images_done(folder.run(run) / "checkpoint.pt", len(parts[TRAIN]), folder.study.recipe.batch_size)
    return images_of_run(folder, run) - done


@dataclass(frozen=True)
class Plan:
    """What a study will do."""

    runs: int
    images: int  # passed through a network in all
    seconds: float  # estimated, on this machine

    @property
    def hours(self) -> float:
        return self.seconds / 3600


def make_plan(study: Study, images: dict[str, int], device: torch.device, precision: str) -> Plan:
    """Estimate a study from the number of images of each data set (by name), timing a few steps of each model."""
    speed = {name: images_per_second(study, name, device, precision) for name in study.models}
    total, seconds = 0.0, 0.0
    for name, count in images.items():
        training = count * (1 - study.validation_fraction) * study.epochs(name)
        watching = count * study.validation_fraction * min(study.recipe.curve_points, study.epochs(name))
        passes = (training + count * study.validation_fraction) * study.repeats * len(study.policies)
        total += passes * len(study.models)
        cost = (training + (watching + 3 * count * study.validation_fraction) * _FORWARD) * study.repeats
        seconds += sum(cost / speed[model] for model in study.models) * len(study.policies)
    return Plan(len(images) * len(study.policies) * study.repeats * len(study.models), round(total), seconds)


def images_per_second(study: Study, model: str, device: torch.device, precision: str) -> float:
    """Training speed of a model at the study's pixels and batch size: the better of two short measurements."""
    pixels = study.images.pixels
    network = model_of(study.models[model], pixels, study.images.channels).on(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    batch = study.recipe.batch_size if device.type != "cpu" else min(16, study.recipe.batch_size)
    images = torch.zeros(batch, pixels, pixels, study.images.channels, device=device).permute(0, 3, 1, 2)
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    best = 0.0
    for _ in range(3):  # the first one warms up
        started = time.perf_counter()
        float(training_step(network, optimizer, images, labels, precision))  # float() waits for the device
        best = max(best, batch / (time.perf_counter() - started))
    return best


def fitting(study: Study, images: dict[str, int], plan: Plan, hours: float) -> tuple[int, int] | None:
    """The largest pixels, and with them the most epochs, that bring a plan below `hours`; None if none do.

    At least 15 epochs are kept, or as many as the study has.
    """
    most = max(study.epochs(name) for name in images)
    image_epochs = sum(count * study.epochs(name) for name, count in images.items())
    for pixels in (224, 160, 128, 100, 64):
        if pixels > study.images.pixels:
            continue
        # Smaller images do not get faster quite as the square says: leave a margin.
        margin = 1.25 if pixels < study.images.pixels else 1.0
        speedup = (study.images.pixels / pixels) ** 2 / margin
        seconds_an_epoch = plan.seconds / speedup * sum(images.values()) / image_epochs
        epochs = min(most, int(hours * 3600 / seconds_an_epoch))
        if epochs >= min(15, most):
            return pixels, epochs
    return None
