"""What a study will do, before it does it: `--dry-run`, `--time-limit`, and what a long one says by itself.

What imports torch is imported where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveate import console, runs
from foveate.config import Study
from foveate.config.dataset import PHANTOM
from foveate.errors import UsageError
from foveate.execution.duration import duration
from foveate.explanation import resolution
from foveate.overrides import Overrides, hours_of
from foveate.runs import StudyFolder

if TYPE_CHECKING:
    from foveate.execution.plan import Plan

_LONG = 1.0  # hours on a CPU beyond which a plan is shown before it starts
_BUSY = 1.3  # times the CPU time that a step takes; what the system itself does stays below
_WORTH_MEASURING = 30_000  # images passed through a network; fewer take minutes


def plan_text(study: Study, plan: Plan, device: str, folder: StudyFolder | None = None) -> str:
    from foveate.execution.plan import fitting
    from foveate.execution.worker import is_trained
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    images = _image_counts(study, folder)
    counts = ", ".join(f"{name} ({count:,} images)" for name, count in images.items())
    factors = [_count(len(study.models), "model"), _count(study.repeats, "repeat"), _count(len(images), "data set")]
    factors += [f"{len(study.policies)} policies"] if len(study.policies) > 1 else []
    lines = [
        f"study {study.name}: {counts}",
        f"{_count(plan.runs, 'run')} = {' x '.join(factors)}",
        f"{plan.images:,} images through a network of {study.images.pixels} pixels; "
        f"about {duration(plan.seconds)} on {acceleration.hardware(where)} with nothing else to do",
    ]
    if folder and (trained := sum(is_trained(folder, run) for run in runs.grid(study))):
        lines.append(f"{trained} of these are trained already, and not in need of that time.")
    lines += _busy(plan)
    if plan.speed.unmeasured:
        lines.append(f"{plan.speed.unmeasured} models were not timed, and taken to be as slow as the slowest that was.")
    lines += _file_lines(study, folder)
    left_out = [name for name, dataset in study.datasets.items() if not dataset.source]
    if left_out:
        lines.append(f"left out, no folder given: {', '.join(left_out)}")
    if where.type == "cpu" and plan.hours > _LONG:
        fit = fitting(study, images, plan, _LONG)
        if fit:
            lines.append(f"to be done in an hour here: --pixels {fit[0]} --epochs {fit[1]}")
            lines += filter(None, [resolution.coarse(resolution.map_size(fit[0]))])
        else:
            lines.append("no number of pixels and epochs brings this to an hour here: use a GPU or fewer --repeats.")
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _file_lines(study: Study, folder: StudyFolder | None) -> list[str]:
    """What becomes of every file of the data sets that are not read yet."""
    from foveate.data.prepare import is_prepared
    from foveate.data.sources import read_dataset, said, tally

    lines = []
    read = {own.dataset for own in runs.subjects(study) if folder and is_prepared(folder, own)}
    for name, dataset in study.datasets.items():
        if name not in read and dataset.source and dataset.source != PHANTOM:
            source = read_dataset(dataset)
            lines.append(f"{name}: {said(tally(source), source)}")
    return lines


def _image_counts(study: Study, folder: StudyFolder | None = None) -> dict[str, int]:
    """Images of each data set that has a source; of one that the study in the folder has read, those that it keeps."""
    from foveate.data.prepare import is_prepared, pack_of
    from foveate.data.sources import read_dataset

    read = [subject for subject in runs.subjects(study) if folder and is_prepared(folder, subject)]
    counts = {own.dataset: len(pack_of(folder, own).index.cases) for own in read if folder}
    for name, dataset in study.datasets.items():
        if dataset.source and name not in counts:
            phantom = dataset.source == PHANTOM
            counts[name] = dataset.phantom_images if phantom else len(read_dataset(dataset).images)
    return counts


def plan_of(study: Study, device: str, folder: StudyFolder | None = None) -> Plan:
    from foveate.execution import speed
    from foveate.execution.plan import make_plan
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    measured = speed.measure(study, where, acceleration.resolve_precision(study.precision, where))
    return make_plan(study, _image_counts(study, folder), measured)


def warn_if_long(study: Study, device: str, folder: StudyFolder | None = None) -> None:
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    epochs = {name: study.epochs(name) for name in study.datasets}
    passes = sum(count * epochs[name] for name, count in _image_counts(study, folder).items())
    if where.type != "cpu" or passes * len(study.models) * study.repeats * len(study.policies) < _WORTH_MEASURING:
        return
    plan = plan_of(study, device, folder)
    if plan.hours > _LONG:
        console.err.print(plan_text(study, plan, device, folder), markup=False)


def first_warnings(study: Study, folder: StudyFolder) -> list[str]:
    """What speaks against the numbers already; no image is opened, and no source is listed that was read before."""
    from foveate.data.prepare import is_prepared
    from foveate.data.sources import read_dataset
    from foveate.report.warnings import collect, warning

    read = [subject for subject in runs.subjects(study) if is_prepared(folder, subject)]
    unread = study.datasets.keys() - {subject.dataset for subject in read}
    given = [name for name, own in study.datasets.items() if name in unread and own.source and own.source != PHANTOM]
    sources = {name: read_dataset(study.datasets[name]) for name in given}
    return warning.lines(collect.before_training(study, sources, read, folder))


def within(
    study: Study, overrides: Overrides, folder: StudyFolder, device: str, time_limit: str
) -> tuple[Study, Plan | None]:
    """The study with the pixels and epochs that fit into the time; those of the study in the folder, if it is there.

    Raises UsageError where none fit.
    """
    from foveate.execution.plan import fitting, least_seconds, shortened

    hours = hours_of(time_limit)
    if (folder.path / "study.yaml").is_file():
        return _as_in(study, folder.study, overrides), None
    counts, plan = _image_counts(study, folder), plan_of(study, device, folder)
    given = (overrides.pixels is not None, overrides.epochs is not None)
    fit = fitting(study, counts, plan, hours, *given)
    if fit is None:
        least = duration(least_seconds(study, counts, plan, *given))
        raise UsageError(
            f"--time-limit {time_limit}: {plan.runs} runs do not fit. They need {least} here at the least"
            f"{_given(overrides)}: give more time, fewer --models or --repeats, or use a GPU."
        )
    (pixels, epochs), limit = fit, 3600 * hours
    while epochs > 1 and shortened(study, plan, pixels, epochs, counts)[1].seconds > limit and not given[1]:
        epochs -= 1
    return shortened(study, plan, pixels, epochs, counts)


def _given(overrides: Overrides) -> str:
    given = {"pixels": overrides.pixels, "epochs": overrides.epochs}
    words = [f"{number} {what}" for what, number in given.items() if number is not None]
    return f" with {' and '.join(words)}" if words else ""


def _as_in(study: Study, there: Study, overrides: Overrides) -> Study:
    """The study with the pixels and epochs that one in its folder has, but for those that are given."""
    update: dict[str, object] = {}
    if overrides.pixels is None:
        update["images"] = study.images.model_copy(update={"pixels": there.images.pixels})
    if overrides.epochs is None:
        update["recipe"] = study.recipe.model_copy(update={"epochs": there.recipe.epochs})
        own = {name: dataset.epochs for name, dataset in there.datasets.items()}
        update["datasets"] = {
            name: dataset.model_copy(update={"epochs": own.get(name)}) for name, dataset in study.datasets.items()
        }
    return study.model_copy(update=update)


def chosen(study: Study, plan: Plan | None, time_limit: str) -> str:
    epochs = " or ".join(str(number) for number in sorted({study.epochs(name) for name in study.datasets}))
    what = f"--time-limit {time_limit}: {study.images.pixels} pixels and {epochs} epochs"
    if plan is None:
        return f"{what}, as in the study's folder"
    return "\n".join([f"{what}, about {duration(plan.seconds)}", *_busy(plan)])


def _busy(plan: Plan) -> list[str]:
    if plan.speed.busy <= _BUSY:
        return []
    return [f"other programs are at work here: while they are, about {plan.speed.busy:.1f} times as long."]
