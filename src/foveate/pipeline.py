"""The main job, stage after stage: data, training with evaluation, comparison, explanation, report.

Each stage reads what the one before it wrote, and does nothing where its result is there and its input the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

import foveate
from foveate import plugins, runs
from foveate.config import Study
from foveate.data.prepare import is_prepared
from foveate.errors import FoveateError, UsageError
from foveate.evaluation.scores import TUNING
from foveate.evaluation.study import TABLES, evaluate_study
from foveate.execution import last_batch, local, worker
from foveate.execution.checking import check
from foveate.execution.duration import duration
from foveate.execution.plan import passes_seconds, work
from foveate.execution.preparing import prepare_data
from foveate.execution.progress import Progress, Silent
from foveate.execution.wish import Shown, Wish
from foveate.runs import Run, StudyFolder
from foveate.training import acceleration

# What `explain` writes, each with -<variant> behind it for further methods
EXPLAINED = ("localisation", "repeatability", "faithfulness", "sanity")


def run(study: Study, out: str | Path | None = None, device: str = "auto", progress: Progress | None = None) -> Path:
    """Carry out a study, or go on with it, and return the path of its report; `foveate.run` finds it by its name.

    `out` defaults to ./foveate-<name>; without `progress` nothing is shown. Raises FoveateError or UsageError with a
    message for people.
    """
    progress = progress or Silent()
    folder = StudyFolder(out or f"foveate-{study.name}")
    study = plugins.load_all(study)
    check(study, folder)
    where = acceleration.resolve_device(device)
    folder.refuse_foreign(study)
    with folder.lock():
        folder.create(plugins.keep(folder, resolve(study, where)))
        prepare_data(folder, progress)
        warn(folder, progress)
        train(folder, where, progress)
        evaluate(folder, where, progress)
        explain(folder, progress)
        return report(folder, progress)


def run_explain(folder: StudyFolder, wish: Wish, device: str, progress: Progress) -> None:
    """The explanation of an existing study, with what is wished for beyond the main job's."""
    where = acceleration.resolve_device(device)
    plugins.load_all(folder.study)
    with folder.lock():
        explain(folder, progress)
        explain_more(folder, wish, where, progress)


def run_stage(name: str, folder: StudyFolder, device: str, progress: Progress) -> Path | None:
    """One stage of an existing study by its verb; the report's path where that is what it makes."""
    where = acceleration.resolve_device(device)
    plugins.load_all(folder.study)
    with folder.lock():
        match name:
            case "train":
                train(folder, where, progress)
            case "evaluate":
                evaluate(folder, where, progress)
            case "explain":
                explain(folder, progress)
            case "report":
                return report(folder, progress)
            case _:
                raise UsageError(f"there is no stage {name!r}: train, evaluate, explain, report.")
    return None


def resolve(study: Study, device: torch.device) -> Study:
    """Decide what the study leaves to the machine, once and for all of its runs."""
    return study.model_copy(
        update={
            "precision": acceleration.resolve_precision(study.precision, device),
            "threads": study.threads or acceleration.default_threads(),
        }
    )


def warn(folder: StudyFolder, progress: Progress) -> None:
    """Say what speaks against the numbers, and write OUT/warnings.json; nothing where every run is trained."""
    from foveate.report.warnings import collect, warning

    if all(worker.is_trained(folder, run) for run in runs.grid(folder.study)):
        return
    for line in warning.lines(collect.write_warnings(folder)):
        progress.note(line)


def train(folder: StudyFolder, device: torch.device, progress: Progress) -> None:
    """Train every run that is not trained yet, and evaluate it right after. Raises Interrupted."""
    _require_data(folder)
    pending = [run for run in runs.grid(folder.study) if not worker.is_trained(folder, run)]
    if pending and (
        problem := last_batch.problem(folder.study, last_batch.sizes_of(folder, runs.subjects(folder.study)))
    ):
        raise FoveateError(f"{problem} ({folder.path / 'study.yaml'}), and start again.")
    whole = work(folder, {})
    progress.start(whole.total, whole.done)
    local.carry_out(folder, pending, device, progress.advance, progress.announce)


def evaluate(folder: StudyFolder, device: torch.device, progress: Progress) -> None:
    """Score every trained run, and write results.csv, measures.csv, comparison.csv and tests.csv."""
    trained = _trained(folder, progress)
    pending = [run for run in trained if not worker.is_evaluated(folder, run)]
    local.carry_out(folder, pending, device, progress.advance, progress.announce)
    inputs = [folder.run(run) / name for run in trained for name in ("predictions.csv", TUNING, "run.json")]
    outputs = [folder.path / f"{name}.csv" for name in TABLES]
    with _stage(folder, "evaluate", inputs, outputs, folder.study.evaluation) as needed:
        if needed:
            tables, notes = evaluate_study(folder, trained)
            for name, table in tables.items():
                runs.write_text(folder.path / f"{name}.csv", table.to_csv(index=False))
            for note in notes:
                progress.note(note)


def explain(folder: StudyFolder, progress: Progress) -> None:
    """Score the heat-maps where lesions are marked (localisation.csv), compare them, and draw the figures."""
    from foveate.execution import explaining

    evaluated = _evaluated(folder)
    inputs = [folder.path / name for name in ("results.csv", "comparison.csv")]
    inputs += [folder.run(run) / "heatmaps.npz" for run in evaluated]
    inputs += sorted(folder.path.glob("data/*/regions.csv"))
    with _stage(folder, "explain", inputs, [folder.figures, folder.path / "repeatability.csv"]) as needed:
        if needed:
            progress.announce("scoring and drawing heat-maps")
            explaining.score(folder)
            explaining.draw(folder, Shown())


def explain_more(folder: StudyFolder, wish: Wish, device: torch.device, progress: Progress) -> None:
    """What `explain` is asked for beyond the main job: other maps and images, and tests of the heat-maps."""
    from foveate.execution import explaining

    evaluated = _evaluated(folder)
    if wish.shown != Shown():
        progress.announce("making heat-maps")
        progress.start(sum(runs.read_json(folder.run(run) / "metrics.json")["cases"] for run in evaluated), 0)
        variant = explaining.make_maps(folder, evaluated, wish.shown, device, progress.advance, progress.note)
        progress.announce("scoring and drawing heat-maps")
        if variant:
            explaining.score(folder, variant)
        explaining.draw(folder, wish.shown, variant)
    for images_tested, what, passes, measure in (
        (wish.faithfulness, "measuring faithfulness", explaining.FAITHFULNESS_PASSES, explaining.measure_faithfulness),
        (wish.sanity, "giving layers random weights", explaining.SANITY_PASSES, explaining.measure_sanity),
    ):
        if images_tested:
            about = duration(passes_seconds(folder, evaluated, images_tested, passes))
            progress.announce(f"{what}: {images_tested} images by {len(evaluated)} runs, about {about}")
            progress.start(images_tested * len(evaluated), 0)
            measure(folder, evaluated, device, images_tested, progress.advance)
    if wish.attention:
        explaining.draw_attention(folder, evaluated, device, progress.announce)


def report(folder: StudyFolder, progress: Progress) -> Path:
    """Write the tables, the page and what goes beside it; the page's path."""
    from foveate.report.documents import write_documents
    from foveate.report.html import write_report
    from foveate.report.table_files import write_all
    from foveate.report.warnings import collect

    _evaluated(folder)
    inputs = [folder.path / name for name in ("study.yaml", *(f"{name}.csv" for name in TABLES))]
    inputs += sorted(path for name in EXPLAINED for path in folder.path.glob(f"{name}*.csv"))
    inputs += sorted(folder.path.glob("data/*/audit.json"))
    inputs += sorted(folder.path.glob("reading/results/*"))  # there once the reader study is unblinded
    inputs += [path for kind in ("json", "csv", "npz") for path in sorted(folder.path.glob(f"runs/*/*/*/*.{kind}"))]
    with _stage(folder, "report", inputs, [folder.report, folder.tables, folder.path / collect.FILE]) as needed:
        if needed:
            progress.announce("writing the report")
            collect.write_warnings(folder)
            write_all(folder)
            write_report(folder)
            write_documents(folder)
    return folder.report


def _require_data(folder: StudyFolder) -> None:
    for subject in runs.subjects(folder.study):
        if not is_prepared(folder, subject):
            raise FoveateError(f"the images of {subject.name} are not read yet: foveate run {folder.path}")


def _trained(folder: StudyFolder, progress: Progress) -> list[Run]:
    everything = runs.grid(folder.study)
    trained = [run for run in everything if worker.is_trained(folder, run)]
    if not trained:
        raise FoveateError(f"no run of {folder.path} is trained yet: foveate train {folder.path}")
    if len(trained) < len(everything):
        progress.note(f"{len(everything) - len(trained)} of {len(everything)} runs are not trained yet")
    return trained


def _evaluated(folder: StudyFolder) -> list[Run]:
    evaluated = [run for run in runs.grid(folder.study) if worker.is_evaluated(folder, run)]
    if not evaluated or not (folder.path / "results.csv").is_file():
        raise FoveateError(f"no run of {folder.path} is evaluated yet: foveate evaluate {folder.path}")
    return evaluated


@contextlib.contextmanager
def _stage(
    folder: StudyFolder, name: str, inputs: Iterable[Path], outputs: Iterable[Path], *more: object
) -> Iterator[bool]:
    """Whether a stage has work to do; once the block ends well, that is recorded."""
    record = folder.path / "stages.json"
    done: dict[str, str] = runs.read_json(record) if record.is_file() else {}
    state = runs.fingerprint(inputs, foveate.__version__, *more)
    needed = done.get(name) != state or not all(path.exists() for path in outputs)
    yield needed
    if needed:
        runs.write_json(record, {**done, name: state})
