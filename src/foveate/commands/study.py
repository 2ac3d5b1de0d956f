"""What the verbs of the command line do: call the pipeline, show progress, name the result.

What imports torch is imported where it is used: that takes seconds, and a wrong option should not cost them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from foveate import console, plugins, runs
from foveate.attention import list_attention
from foveate.config import Study
from foveate.config.dataset import PHANTOM
from foveate.errors import UsageError
from foveate.execution.duration import duration
from foveate.explanation import resolution
from foveate.overrides import Overrides, find, hours_of
from foveate.runs import StudyFolder

if TYPE_CHECKING:
    from foveate.execution.plan import Plan

_LONG = 1.0  # hours on a CPU beyond which a plan is shown before it starts
_BUSY = 1.3  # times the CPU time that a step takes; what the system itself does stays below
_MODEL_SECONDS = 7  # that `models` takes for a model of 224 pixels on two cores
_WORTH_MEASURING = 30_000  # images passed through a network; fewer take minutes


def run(
    study_name: str | None,
    overrides: Overrides,
    out: Path | None,
    device: str,
    dry_run: bool,
    quiet: bool,
    time_limit: str | None = None,
) -> None:
    """`foveate run`."""
    with console.errors_for_people():
        study, path = find(study_name, overrides, out)
        folder = StudyFolder(path)
        from foveate import pipeline

        perhaps = pipeline.check(study, folder)
        plan = None
        if time_limit is not None:
            study, plan = _within(study, overrides, folder, device, time_limit)
            if not quiet:
                console.err.print(_chosen(study, plan, time_limit), markup=False)
        if dry_run:
            text = _plan_text(study, plan or _plan(study, device, folder), device, folder)
            console.out.print(text, markup=False)
            if perhaps:
                console.out.print(f"unless duplicates are left out: {perhaps}.", markup=False)
            if not quiet:
                console.out.print("\n".join(_first_warnings(study, folder)), markup=False)
            return
        folder.refuse_foreign(study)
        if not quiet and time_limit is None and not (folder.path / "results.csv").is_file():
            _warn_if_long(study, device, folder)
    with console.errors_for_people(f"foveate run {folder.path}"), console.bar(quiet) as progress:
        page = pipeline.run(study, folder.path, device, progress)
    if not quiet:
        console.out.print("\n".join([_results_text(folder), *_last_warnings(folder)]), markup=False)
    console.out.print(f"report: {page}", markup=False)


def _first_warnings(study: Study, folder: StudyFolder) -> list[str]:
    """What speaks against the numbers already; no image is opened, and no source is listed that was read before."""
    from foveate.data.prepare import is_prepared
    from foveate.data.sources import read_dataset
    from foveate.report.warnings import collect, warning

    read = [subject for subject in runs.subjects(study) if is_prepared(folder, subject)]
    unread = study.datasets.keys() - {subject.dataset for subject in read}
    given = [name for name, own in study.datasets.items() if name in unread and own.source and own.source != PHANTOM]
    sources = {name: read_dataset(study.datasets[name]) for name in given}
    return warning.lines(collect.before_training(study, sources, read, folder))


def _last_warnings(folder: StudyFolder) -> list[str]:
    """What speaks against the numbers, now that they are there."""
    from foveate.report.warnings import collect, warning

    return warning.short_lines(collect.collect(folder), f"all of them: the report, {folder.path / collect.FILE}")


def _results_text(folder: StudyFolder) -> str:
    """The means and what the test says of them, in a few lines; the rest stands in the report."""
    from foveate.report import learning, tables, verdict

    study, results, comparison = folder.study, tables.read_results(folder), tables.read_comparison(folder)
    lines, found, learned = [], {}, {}
    for subject in runs.subjects(study):
        if not study.datasets[subject.dataset].source:
            continue
        found[subject.name] = tables.auc_table(study, subject, results, comparison)
        learned[subject.name] = learning.learnings(study, subject, results)
        means = [f"{row.title} {row.mean:.2f}" for row in found[subject.name] if row.mean is not None]
        lines.append(f"{subject.name}: mean AUC in per cent: {', '.join(means)}")
    said = verdict.verdict(found, learning.unlearned(learned, study.evaluation.confidence))
    return "\n".join([*lines, *([said] if len(study.models) > 1 and found else [])])


def stage(name: str, out: Path, device: str, quiet: bool) -> None:
    """`foveate train|evaluate|explain|report OUT`."""
    with console.errors_for_people(f"foveate {name} {out}"), console.bar(quiet) as progress:
        folder = StudyFolder(out)
        runs.grid(folder.study)  # says so where this is no study's folder
        from foveate import pipeline

        page = pipeline.run_stage(name, folder, device, progress)
    if name == "evaluate" and not quiet:
        console.out.print(_results_text(folder), markup=False)
    console.out.print(f"report: {page}" if page else f"done: {out}", markup=False)


def evaluate(
    study: Path | None,
    predictions: Path | None,
    baseline: str | None,
    positive: str | None,
    design: str | None,
    out: Path | None,
    plan: float | None,
    device: str,
    quiet: bool,
) -> None:
    """`foveate evaluate OUT`, `--predictions TABLE.csv`, and `--plan POINTS` with either."""
    with console.errors_for_people():
        if (study is None) == (predictions is None):
            raise UsageError("give a study's folder, or --predictions with a table of scores, one of the two.")
        lone = {"--baseline": baseline, "--positive": positive, "--design": design, "--out": out}
        given = [option for option, value in lone.items() if value is not None]
        if study is not None and given:
            raise UsageError(f"{given[0]} goes with --predictions only.")
        if plan is not None and out is not None:
            raise UsageError("--plan prints its table and writes none: leave out --out.")
        if plan is not None and not 0 < plan < 50:
            raise UsageError(f"--plan must be a difference of AUC in per cent, above 0 and below 50, not {plan:g}.")
    if study is not None and plan is None:
        stage("evaluate", study, device, quiet)
        return
    from foveate import scores
    from foveate.evaluation.compare import Settings
    from foveate.report.scores_page import PAGE

    with console.errors_for_people():
        if predictions is not None:
            _refuse_full(out)
            how = Settings(design=scores.design_of(design))
            found, names, diseased = scores.read(predictions, baseline, positive)
            if not quiet:
                console.out.print(f"diseased: {diseased}", markup=False)
            if plan is None:
                shown, said = scores.compare_predictions(predictions, found, names, how, out, diseased)
                console.out.print("\n".join([shown, "", *said]), markup=False, emoji=False)
                if out is not None:
                    for what, place in (("tables", out), ("figures", out / "figures"), ("report", out / PAGE)):
                        console.out.print(f"{what}: {place}", markup=False, emoji=False)
                return
            planned = [(predictions.stem, found, names, how)]
        else:
            assert study is not None
            planned = scores.of_study(StudyFolder(study))
        assert plan is not None
        for name, found, names, how in planned:
            console.out.print(scores.plan(name, found, names, how, plan), markup=False, emoji=False)


def models(names: str, pixels: int, timed: bool, device: str, plugin_files: Sequence[Path]) -> None:
    """`foveate models`."""
    with console.errors_for_people():
        for file in plugin_files:
            plugins.load_plugin(file)
        if pixels < 33:
            raise UsageError(f"--pixels must be at least 33, not {pixels}.")
        from foveate.models.profile import ROUNDS, profile
        from foveate.training import acceleration

        every = ["resnet18", *(f"resnet18+{attention}" for attention in list_attention())]
        chosen = every if names == "all" else [name.strip() for name in names.split(",") if name.strip()]
        if not chosen:
            raise UsageError("--models names no model.")
        where = acceleration.resolve_device(device)
        with console.bar(quiet=False) as progress:
            minutes = max(1, round(len(chosen) * _MODEL_SECONDS * (pixels / 224) ** 2 / 60))
            about = f", about {minutes} min; --no-time leaves the step times out" if timed else ""
            progress.announce(f"measuring {len(chosen)} models at {pixels} pixels{about}")
            progress.start(len(chosen) + timed * (1 + ROUNDS), 0)
            rows = profile(chosen, pixels, timed, where, lambda: progress.advance(1))
    table = Table("model", box=None, pad_edge=False)
    for title in ("parameters", "added", "GFLOPs", "activations", "gain", *(["step"] if timed else [])):
        table.add_column(title, justify="right")
    first = rows[0].parameters
    for row in rows:
        cells = [f"{row.parameters:,}", f"{(row.parameters - first) / first:+.2%}", f"{row.flops / 1e9:.2f}"]
        cells += [f"{row.activation_bytes / 2**20:.1f} MiB", "" if row.gain is None else f"{row.gain:.2f}"]
        table.add_row(row.model, *cells, *([f"{row.step:.2f}"] if row.step is not None else []))
    console.out.print(table)
    console.out.print(
        f"One image of {pixels} pixels, forward: GFLOPs (two a multiplication with addition), float32 activations kept "
        "for the backward pass.\nGain: what a block makes of its input's norm as it is initialised; where it is not 1, "
        "the residual branch starts weaker or stronger than the baseline's."
        + (f"\nStep: time of a training step over {rows[0].model}'s, float32, on this machine." if timed else ""),
        markup=False,
    )


def export(run_folder: Path, to: str, out: Path | None) -> None:
    """`foveate export RUN`."""
    with console.errors_for_people():
        if to != "onnx":
            raise UsageError(f"there is no format {to!r} to export to: known is onnx.")
        from foveate.models.export import export_onnx

        if (run_folder / "run.json").is_file():
            plugins.load_for_run(run_folder, runs.read_json(run_folder / "run.json"))
        console.err.print("exporting to ONNX and running the file beside torch: about a minute", markup=False)
        file = export_onnx(run_folder, out or run_folder / "model.onnx")
    console.out.print(f"exported: {file}", markup=False)


def phantom(folder: Path, images: int, size: int, seed: int) -> None:
    """`foveate data phantom DIR`."""
    with console.errors_for_people():
        _refuse_full(folder)
        from foveate.data.phantom import write_phantom

        with runs.disk_errors(folder):
            write_phantom(folder, images, seed, size)
    console.out.print(f"{images} images with masks: foveate run --data {folder}", markup=False)


def _refuse_full(folder: Path | None) -> None:
    """Raises UsageError where a new folder is there already, with something in it."""
    if folder is None:
        return
    with runs.disk_errors(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} exists and is not empty: give a new folder.")


def _within(
    study: Study, overrides: Overrides, folder: StudyFolder, device: str, time_limit: str
) -> tuple[Study, Plan | None]:
    """The study with the pixels and epochs that fit into the time; those of the study in the folder, if it is there.

    Raises UsageError where none fit.
    """
    from foveate.execution.plan import fitting, least_seconds, shortened

    hours = hours_of(time_limit)
    if (folder.path / "study.yaml").is_file():
        return _as_in(study, folder.study, overrides), None
    counts, plan = _image_counts(study, folder), _plan(study, device, folder)
    given = (overrides.pixels is not None, overrides.epochs is not None)
    fit = fitting(study, counts, plan, hours, *given)
    if fit is None:
        least = duration(least_seconds(study, counts, plan, *given))
        raise UsageError(
            f"--time-limit {time_limit}: {plan.runs} runs do not fit. They need {least} here at the least"
            f"{_given(overrides)}: give more time, fewer --models or --repeats, or use a GPU."
        )
    return shortened(study, plan, *fit, counts)


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


def _chosen(study: Study, plan: Plan | None, time_limit: str) -> str:
    epochs = " or ".join(str(number) for number in sorted({study.epochs(name) for name in study.datasets}))
    what = f"--time-limit {time_limit}: {study.images.pixels} pixels and {epochs} epochs"
    return f"{what}, as in the study's folder" if plan is None else f"{what}, about {duration(plan.seconds)}"


def _plan(study: Study, device: str, folder: StudyFolder | None = None) -> Plan:
    from foveate.execution import speed
    from foveate.execution.plan import make_plan
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    measured = speed.measure(study, where, acceleration.resolve_precision(study.precision, where))
    return make_plan(study, _image_counts(study, folder), measured)


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


def _plan_text(study: Study, plan: Plan, device: str, folder: StudyFolder | None = None) -> str:
    from foveate.execution.plan import fitting
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    images = _image_counts(study, folder)
    counts = ", ".join(f"{name} ({count:,} images)" for name, count in images.items())
    lines = [
        f"study {study.name}: {counts}",
        f"{plan.runs} runs = {len(study.models)} models x {study.repeats} repeats"
        f" x {len(images)} data sets" + (f" x {len(study.policies)} policies" if len(study.policies) > 1 else ""),
        f"{plan.images:,} images through a network of {study.images.pixels} pixels; "
        f"about {duration(plan.seconds)} on {acceleration.hardware(where)} with nothing else to do",
    ]
    if plan.speed.busy > _BUSY:
        lines.append(f"other programs are at work here: while they are, about {plan.speed.busy:.1f} times as long.")
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


def _warn_if_long(study: Study, device: str, folder: StudyFolder | None = None) -> None:
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    epochs = {name: study.epochs(name) for name in study.datasets}
    passes = sum(count * epochs[name] for name, count in _image_counts(study, folder).items())
    if where.type != "cpu" or passes * len(study.models) * study.repeats * len(study.policies) < _WORTH_MEASURING:
        return
    plan = _plan(study, device, folder)
    if plan.hours > _LONG:
        console.err.print(_plan_text(study, plan, device, folder), markup=False)
