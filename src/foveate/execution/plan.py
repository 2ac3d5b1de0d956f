"""How much work a study is, in images that pass through a network, and how long that takes here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from foveate import runs
from foveate.config import Study
from foveate.data.prepare import pack_of, split_file
from foveate.data.split import TRAIN, VALIDATION
from foveate.execution import worker
from foveate.execution.speed import Speed
from foveate.runs import Run, StudyFolder, Subject, grid, subjects
from foveate.training import checkpoint

_PIXELS = (224, 160, 128, 100, 64)  # that a study is brought down to
_EPOCHS = 15  # that are kept, or as many as the study has
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


def passes_seconds(folder: StudyFolder, evaluated: Sequence[Run], images: int, passes: float) -> float:
    """Roughly how long forward passes of `images` images take in each run, by the time that its training took."""
    total = 0.0
    for run in evaluated:
        seconds = runs.read_json(folder.run(run) / "run.json").get("seconds") or 0.0
        parts = worker.cases_by_part(folder.data(run.subject) / split_file(folder.study, run.repeat))
        trained = folder.study.epochs(run.subject.dataset) * len(parts[TRAIN])
        total += seconds / trained * _FORWARD * images * passes
    return total


@dataclass(frozen=True)
class Plan:
    """What a study will do."""

    runs: int
    images: int  # passed through a network in all
    seconds: float  # estimated, on this machine with nothing else to do
    speed: Speed = field(default_factory=Speed)  # by which

    @property
    def hours(self) -> float:
        return self.seconds / 3600


def make_plan(study: Study, images: dict[str, int], speed: Speed) -> Plan:
    """Estimate a study from the number of images of each data set (by name) and the speed of each model."""
    total, seconds = 0.0, 0.0
    for name, count in images.items():
        training = count * (1 - study.validation_fraction) * study.epochs(name)
        watching = count * study.validation_fraction * min(study.recipe.curve_points, study.epochs(name))
        passes = (training + count * study.validation_fraction) * study.repeats * len(study.policies)
        total += passes * len(study.models)
        cost = (training + (watching + 3 * count * study.validation_fraction) * _FORWARD) * study.repeats
        seconds += sum(cost / speed.images_per_second[model] for model in study.models) * len(study.policies)
    return Plan(len(images) * len(study.policies) * study.repeats * len(study.models), round(total), seconds, speed)


def fitting(
    study: Study,
    images: dict[str, int],
    plan: Plan,
    hours: float,
    pixels_given: bool = False,
    epochs_given: bool = False,
) -> tuple[Study, Plan] | None:
    """The study and its plan, brought down to at most `hours`; None where nothing brings them there.

    As they are where they fit; else with the largest pixels, and with these the most epochs. At least 15 epochs are
    kept, or as many as the study has; all of them, and its pixels, where they are given.
    """
    if plan.hours <= hours:
        return study, plan
    epochs = _epochs(study, images, epochs_given)
    for pixels in _pixels(study, pixels_given):
        taking = partial(shortened, study, plan, images, pixels)
        fit = bisect_right(epochs, 3600 * hours, key=lambda number: taking(number)[1].seconds)
        if fit:
            return taking(epochs[fit - 1])
    return None


def least_seconds(
    study: Study, images: dict[str, int], plan: Plan, pixels_given: bool = False, epochs_given: bool = False
) -> float:
    """The shortest time into which `fitting` fits a plan."""
    smallest, fewest = min(_pixels(study, pixels_given)), min(_epochs(study, images, epochs_given))
    return min(plan.seconds, shortened(study, plan, images, smallest, fewest)[1].seconds)


def _epochs(study: Study, images: dict[str, int], given: bool) -> range:
    """What a study may be brought down to, the fewest first."""
    most = max(study.epochs(name) for name in images)
    return range(most if given else min(_EPOCHS, most), most + 1)


def _pixels(study: Study, given: bool) -> list[int]:
    """What a study may be brought down to, the largest first."""
    return [study.images.pixels, *(own for own in _PIXELS if own < study.images.pixels and not given)]


def shortened(study: Study, plan: Plan, images: dict[str, int], pixels: int, epochs: int) -> tuple[Study, Plan]:
    """The study with these pixels and epochs, in place of its data sets' own as well, and its plan."""
    datasets = {name: own.model_copy(update={"epochs": None}) for name, own in study.datasets.items()}
    update = {
        "images": study.images.model_copy(update={"pixels": pixels}),
        "recipe": study.recipe.model_copy(update={"epochs": epochs}),
        "datasets": datasets,
    }
    own = study.model_copy(update=update)
    speeds = {name: _faster(study, pixels) * speed for name, speed in plan.speed.images_per_second.items()}
    return own, make_plan(own, images, replace(plan.speed, images_per_second=speeds))


def _faster(study: Study, pixels: int) -> float:
    """How many times as fast smaller images are: not quite what the square says, hence a margin."""
    return (study.images.pixels / pixels) ** 2 / (1.25 if pixels < study.images.pixels else 1.0)
