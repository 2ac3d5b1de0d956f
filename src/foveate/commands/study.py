"""What the verbs of the command line do: call the pipeline, show progress, name the result.

What imports torch is imported where it is used: that takes seconds, and a wrong option should not cost them.
"""

from __future__ import annotations

from pathlib import Path

from foveate import console, runs
from foveate.commands import planning
from foveate.errors import UsageError
from foveate.overrides import Overrides, find
from foveate.runs import StudyFolder


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
        from foveate.execution import checking

        perhaps = checking.check(study, folder)
        data, plan = planning.list_data(study, folder), None
        if time_limit is not None:
            study, plan = planning.within(study, data, overrides, folder, device, time_limit)
            if not quiet:
                console.err.print(planning.chosen(study, plan, time_limit), markup=False)
        if dry_run:
            plan = plan or planning.plan_of(study, data, device)
            console.out.print(planning.plan_text(study, plan, data, device, folder), markup=False)
            if perhaps:
                console.out.print(f"unless duplicates are left out: {perhaps}.", markup=False)
            if not quiet:
                console.out.print("\n".join(planning.first_warnings(study, data, folder)), markup=False)
            return
        folder.refuse_foreign(study)
        if not quiet and time_limit is None and not (folder.path / "results.csv").is_file():
            planning.warn_if_long(study, data, device, folder)
    with console.errors_for_people(f"foveate run {folder.path}"), console.bar(quiet) as progress:
        page = pipeline.run(study, folder.path, device, progress)
    if not quiet:
        console.out.print("\n".join([_results_text(folder), *_last_warnings(folder)]), markup=False)
    console.out.print(f"report: {page}", markup=False)


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
