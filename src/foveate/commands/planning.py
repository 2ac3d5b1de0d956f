"""What a study will do, before it does it: `--dry-run`, `--time-limit`, and what a long one says by itself.

What imports torch is imported where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foveate import console, runs
from foveate.config import Study
from foveate.config.dataset import PHANTOM
from foveate.data.sources import Source, read_dataset, said, tally
from foveate.errors import UsageError
from foveate.execution.duration import duration
from foveate.explanation import resolution
from foveate.overrides import Overrides, hours_of
from foveate.runs import StudyFolder, Subject

if TYPE_CHECKING:
    from foveate.execution.plan import Plan

_LONG = 1.0  # hours on a CPU beyond which a plan is shown before it starts
_BUSY = 1.3  # times the CPU time that a step takes; what the system itself does stays below
_WORTH_MEASURING = 30_000  # images passed through a network; fewer take minutes


@dataclass(frozen=True)
class Listed:
    """The data sets of a study, as far as they are known before an image is opened."""

    read: list[Subject]  # that the study in the folder has read already
    sources: dict[str, Source]  # of the others, by data set; none of a phantom
    counts: dict[str, int]  # images of each data set that has a source; of one that is read, those that it keeps


def list_data(study: Study, folder: StudyFolder) -> Listed:
    """List the sources that are not read yet. Raises FoveateError where one cannot be listed."""
    from foveate.data.prepare import is_prepared, pack_of

    read = [subject for subject in runs.subjects(study) if is_prepared(folder, subject)]
    counts = {own.dataset: len(pack_of(folder, own).index.cases) for own in read}
    sources = {}
    for name, dataset in study.datasets.items():
        if dataset.source == PHANTOM:
            counts.setdefault(name, dataset.phantom_images)
        elif dataset.source and name not in counts:
            sources[name] = read_dataset(dataset)
            counts[name] = len(sources[name].images)
    return Listed(read, sources, counts)


def plan_of(study: Study, data: Listed, device: str) -> Plan:
    """Time the models here, some 15 s, and estimate the study."""
    from foveate.execution import speed
    from foveate.execution.plan import make_plan
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    measured = speed.measure(study, where, acceleration.resolve_precision(study.precision, where))
    return make_plan(study, data.counts, measured)


def plan_text(study: Study, plan: Plan, data: Listed, device: str, folder: StudyFolder) -> str:
    """What the study will do, in lines for a terminal, and where that takes long on a CPU, what takes an hour."""
    from foveate.execution.plan import fitting
    from foveate.execution.worker import is_trained
    from foveate.report.words import amount
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    counts = ", ".join(f"{name} ({count:,} images)" for name, count in data.counts.items())
    factors = [(len(study.models), "model"), (study.repeats, "repeat"), (len(data.counts), "data set")]
    product = [amount(*factor) for factor in factors]
    product += [f"{len(study.policies)} policies"] if len(study.policies) > 1 else []
    lines = [
        f"study {study.name}: {counts}",
        f"{amount(plan.runs, 'run')} = {' x '.join(product)}",
        f"{plan.images:,} images through a network of {study.images.pixels} pixels; "
        f"about {duration(plan.seconds)} on {acceleration.hardware(where)} with nothing else to do",
    ]
    if trained := sum(is_trained(folder, run) for run in runs.grid(study)):
        lines.append(f"{trained} of these are trained already, and not in need of that time.")
    lines += _busy(plan)
    if plan.speed.unmeasured:
        lines.append(f"{plan.speed.unmeasured} models were not timed, and taken to be as slow as the slowest that was.")
    lines += [f"{name}: {said(tally(source), source)}" for name, source in data.sources.items()]
    left_out = [name for name, dataset in study.datasets.items() if not dataset.source]
    if left_out:
        lines.append(f"left out, no folder given: {', '.join(left_out)}")
    if where.type == "cpu" and plan.hours > _LONG:
        fit = fitting(study, data.counts, plan, _LONG)
        if fit:
            pixels = fit[0].images.pixels
            lines.append(f"to be done in an hour here: --pixels {pixels} --epochs {fit[0].recipe.epochs}")
            lines += filter(None, [resolution.coarse(resolution.map_size(pixels))])
        else:
            lines.append("no number of pixels and epochs brings this to an hour here: use a GPU or fewer --repeats.")
    return "\n".join(lines)


def warn_if_long(study: Study, data: Listed, device: str, folder: StudyFolder) -> None:
    """Show the plan of a study that takes more than an hour on a CPU; a small one is not even timed."""
    from foveate.training import acceleration

    passes = sum(count * study.epochs(name) for name, count in data.counts.items())
    small = passes * len(study.models) * study.repeats * len(study.policies) < _WORTH_MEASURING
    if small or acceleration.resolve_device(device).type != "cpu":
        return
    plan = plan_of(study, data, device)
    if plan.hours > _LONG:
        console.err.print(plan_text(study, plan, data, device, folder), markup=False)


def first_warnings(study: Study, data: Listed, folder: StudyFolder) -> list[str]:
    """What speaks against the numbers already, in lines for a terminal."""
    from foveate.report.warnings import collect, warning

    return warning.lines(collect.before_training(study, data.sources, data.read, folder))


def within(
    study: Study, data: Listed, overrides: Overrides, folder: StudyFolder, device: str, time_limit: str
) -> tuple[Study, Plan | None]:
    """The study with the pixels and epochs that fit into the time; those of the study in the folder, if it is there.

    Raises UsageError where none fit.
    """
    from foveate.execution.plan import fitting, least_seconds

    hours = hours_of(time_limit)
    if (folder.path / "study.yaml").is_file():
        return _as_in(study, folder.study, overrides), None
    plan = plan_of(study, data, device)
    given = (overrides.pixels is not None, overrides.epochs is not None)
    fit = fitting(study, data.counts, plan, hours, *given)
    if fit is None:
        least = duration(least_seconds(study, data.counts, plan, *given))
        raise UsageError(
            f"--time-limit {time_limit}: {plan.runs} runs do not fit. They need {least} here at the least"
            f"{_given(overrides)}: give more time, fewer --models or --repeats, or use a GPU."
        )
    return fit


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
    """What `within` has chosen, in lines for a terminal."""
    epochs = " or ".join(str(number) for number in sorted({study.epochs(name) for name in study.datasets}))
    what = f"--time-limit {time_limit}: {study.images.pixels} pixels and {epochs} epochs"
    if plan is None:
        return f"{what}, as in the study's folder"
    return "\n".join([f"{what}, about {duration(plan.seconds)}", *_busy(plan)])


def _busy(plan: Plan) -> list[str]:
    if plan.speed.busy <= _BUSY:
        return []
    return [f"other programs are at work here: while they are, about {plan.speed.busy:.1f} times as long."]
