"""What the verbs of the command line do: call the pipeline, show progress, name the result.

What imports torch is imported where it is used: that takes seconds, and a wrong option should not cost them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from foveate import console, runs
from foveate.attention import list_attention
from foveate.config import Study, presets
from foveate.config.dataset import PHANTOM
from foveate.errors import UsageError
from foveate.overrides import Overrides, assemble
from foveate.runs import StudyFolder

if TYPE_CHECKING:
    from foveate.execution.plan import Plan

_LONG = 1.0  # hours on a CPU beyond which a plan is shown before it starts
_FINE = 97  # pixels from which on a ResNet's last feature map is 4 x 4
_WORTH_MEASURING = 30_000  # images passed through a network; fewer take minutes


def run(
    study_name: str | None, overrides: Overrides, out: Path | None, device: str, dry_run: bool, quiet: bool
) -> None:
    """`foveate run`."""
    with console.errors_for_people():
        # An existing study's folder: go on with it. A preset's name means the preset, whatever lies here.
        if study_name and study_name not in presets() and (Path(study_name) / "study.yaml").is_file():
            if out is not None:
                raise UsageError(f"{study_name} is a study's folder already: leave out --out to go on with it.")
            out = Path(study_name)
            study_name = str(out / "study.yaml")
        study = assemble(study_name, overrides)
        folder = StudyFolder(out or f"foveate-{study.name}")
        from foveate import pipeline

        pipeline.check(study)
        if dry_run:
            console.out.print(_plan_text(study, _plan(study, device), device), markup=False)
            return
        folder.refuse_foreign(study)
        if not quiet and not (folder.path / "results.csv").is_file():
            _warn_if_long(study, device)
    with console.errors_for_people(f"foveate run {folder.path}"), console.bar(quiet) as progress:
        page = pipeline.run(study, folder.path, device, progress)
    if not quiet:
        console.out.print(_results_text(folder), markup=False)
    console.out.print(f"report: {page}", markup=False)


def _results_text(folder: StudyFolder) -> str:
    """The means and what the test says of them, in a few lines; the rest stands in the report."""
    from foveate.report import tables, verdict

    study, results, comparison = folder.study, tables.read_results(folder), tables.read_comparison(folder)
    lines, found = [], {}
    for subject in runs.subjects(study):
        if not study.datasets[subject.dataset].source:
            continue
        found[subject.name] = tables.auc_table(study, subject, results, comparison)
        means = [f"{row.title} {row.mean:.2f}" for row in found[subject.name] if row.mean is not None]
        lines.append(f"{subject.name}: mean AUC in per cent: {', '.join(means)}")
    return "\n".join([*lines, *([verdict.verdict(found)] if len(study.models) > 1 and found else [])])


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


def models(names: str, pixels: int, timed: bool, device: str) -> None:
    """`foveate models`."""
    with console.errors_for_people():
        if pixels < 33:
            raise UsageError(f"--pixels must be at least 33, not {pixels}.")
        from foveate.models.profile import profile
        from foveate.training import acceleration

        every = ["resnet18", *(f"resnet18+{attention}" for attention in list_attention())]
        chosen = every if names == "all" else [name.strip() for name in names.split(",") if name.strip()]
        if not chosen:
            raise UsageError("--models names no model.")
        rows = profile(chosen, pixels, timed, acceleration.resolve_device(device))
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


def _plan(study: Study, device: str) -> Plan:
    from foveate.execution.plan import make_plan
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    return make_plan(study, _image_counts(study), where, acceleration.resolve_precision(study.precision, where))


def _image_counts(study: Study) -> dict[str, int]:
    """Images of each data set that has a source."""
    from foveate.data.sources import read_dataset

    return {
        name: dataset.phantom_images if dataset.source == PHANTOM else len(read_dataset(dataset).images)
        for name, dataset in study.datasets.items()
        if dataset.source
    }


def _class_lines(study: Study) -> list[str]:
    """Which labels would count as disease, where the study does not say."""
    from foveate.data.classes import chosen_by, classes_of
    from foveate.data.sources import read_dataset

    lines = []
    for name, dataset in study.datasets.items():
        if dataset.source and dataset.source != PHANTOM and not dataset.positive:
            labels = sorted({image.label for image in read_dataset(dataset).images})
            classes, positives = classes_of(labels, (), dataset.each_class, dataset.source)
            disease = ", ".join(list(classes)[-positives:])
            tells = chosen_by(labels, ()) == "name"
            why = "by the names of the classes" if tells else "the last in the alphabet: neither name tells"
            lines.append(f"{name}: the positive class (disease) is {disease}, {why}; --positive says otherwise")
    return lines


def _plan_text(study: Study, plan: Plan, device: str) -> str:
    from foveate.execution.plan import fitting
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    counts = ", ".join(f"{name} ({count:,} images)" for name, count in _image_counts(study).items())
    lines = [
        f"study {study.name}: {counts}",
        f"{plan.runs} runs = {len(study.models)} models x {study.repeats} repeats"
        f" x {len(_image_counts(study))} data sets"
        + (f" x {len(study.policies)} policies" if len(study.policies) > 1 else ""),
        f"{plan.images:,} images through a network of {study.images.pixels} pixels; "
        f"about {_duration(plan.seconds)} on {acceleration.hardware(where)}, as busy as it is now",
    ]
    lines += _class_lines(study)
    if study.images.pixels < _FINE:
        lines.append(f"below {_FINE} pixels the heat-maps are smaller than 4 x 4 before they are enlarged.")
    left_out = [name for name, dataset in study.datasets.items() if not dataset.source]
    if left_out:
        lines.append(f"left out, no folder given: {', '.join(left_out)}")
    if where.type == "cpu" and plan.hours > _LONG:
        fit = fitting(study, _image_counts(study), plan, _LONG)
        if fit:
            coarse = f" (below {_FINE} pixels: heat-maps smaller than 4 x 4)" if fit[0] < _FINE else ""
            lines.append(f"to be done in an hour here: --pixels {fit[0]} --epochs {fit[1]}{coarse}")
        else:
            lines.append("no number of pixels and epochs brings this to an hour here: use a GPU or fewer --repeats.")
    return "\n".join(lines)


def _warn_if_long(study: Study, device: str) -> None:
    from foveate.training import acceleration

    where = acceleration.resolve_device(device)
    epochs = {name: study.epochs(name) for name in study.datasets}
    passes = sum(count * epochs[name] for name, count in _image_counts(study).items())
    if where.type != "cpu" or passes * len(study.models) * study.repeats * len(study.policies) < _WORTH_MEASURING:
        return
    plan = _plan(study, device)
    if plan.hours > _LONG:
        console.err.print(_plan_text(study, plan, device), markup=False)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
