"""The main job, stage after stage: data, training with evaluation, comparison, explanation, report.

Each stage reads what the one before it wrote, and does nothing where its result is there and its input the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch

import foveate
from foveate import plugins, runs
from foveate.config import Study
from foveate.config.dataset import PHANTOM
from foveate.data import freshness
from foveate.data.prepare import Sources, has_source, is_prepared, lies_here, prepare, try_split
from foveate.data.run_audit import needs_audit, write_audit
from foveate.data.sources import Tally, read_dataset, said, tally
from foveate.data.split import TRAIN
from foveate.errors import FoveateError, UsageError
from foveate.evaluation.scores import TUNING
from foveate.evaluation.study import TABLES, evaluate_study
from foveate.execution import last_batch, local, worker
from foveate.execution.duration import duration
from foveate.execution.plan import decoded, passes_seconds, work
from foveate.execution.wish import Shown, Wish
from foveate.explanation.localisation import REGIONS, adopt, form_said, read_regions
from foveate.models import model_of
from foveate.models.weight_files import read_weights
from foveate.runs import Run, StudyFolder, Subject
from foveate.training import acceleration

# What `explain` writes, each with -<variant> behind it for further methods
EXPLAINED = ("localisation", "repeatability", "faithfulness", "sanity")


class Progress(Protocol):
    """What the stages tell the person who waits."""

    def start(self, total: float, done: float) -> None: ...
    def advance(self, images: float) -> None: ...
    def announce(self, what: str) -> None: ...
    def note(self, sentence: str) -> None: ...


@dataclass
class Silent:
    """Progress for programs: keeps the sentences."""

    notes: list[str] = field(default_factory=list)

    def start(self, total: float, done: float) -> None: ...
    def advance(self, images: float) -> None: ...
    def announce(self, what: str) -> None: ...

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


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


def check(study: Study, folder: StudyFolder | None = None) -> str:
    """Find what is wrong with a study before anything is written. Raises FoveateError or UsageError.

    Files are looked for where they are still needed: not those that the study in `folder` has read. Returns what may
    be wrong once duplicates are found, or "".
    """
    if not runs.subjects(study):
        example = " ".join(f"--data {name}=DIR" for name in study.datasets)
        raise UsageError(f"no images are given: name the folders of one or more data sets with {example}")
    for name, spec in study.models.items():
        try:
            model_of(spec, study.images.pixels, study.images.channels)
        except UsageError as error:
            raise UsageError(f"model {name}: {error}") from error
        if spec.weights and not _begun(study, name, folder):
            read_weights(spec.weights)
    sizes: last_batch.Sizes = {}
    for name, dataset in study.datasets.items():
        own = [subject for subject in runs.subjects(study) if subject.dataset == name]
        if dataset.source != PHANTOM:
            sizes |= _try_splits(study, [one for one in own if not (folder and is_prepared(folder, one))])
        if dataset.regions and not (folder and all((folder.data(one) / REGIONS).is_file() for one in own)):
            read_regions(Path(dataset.regions))
    problem = last_batch.problem(study, sizes)
    if problem and "clean" not in study.policies and not study.skip_unreadable:  # which may train on fewer images
        raise FoveateError(f"{problem}.")
    return problem


def _try_splits(study: Study, unread: list[Subject]) -> last_batch.Sizes:
    """The training images of each split of subjects of one data set, whose images are not read yet."""
    if not unread:
        return {}
    dataset = study.datasets[unread[0].dataset]
    source = read_dataset(dataset)
    tried = {subject.name: try_split(study, subject, source) for subject in unread}
    return {name: {parts.count(TRAIN) for parts in files.values()} for name, files in tried.items()}


def _begun(study: Study, model: str, folder: StudyFolder | None) -> bool:
    """Whether every run of a model is: its weights are trained or stand in its checkpoint."""
    own = [run for run in runs.grid(study) if run.model == model]
    return folder is not None and all(worker.is_begun(folder, run) for run in own)


def resolve(study: Study, device: torch.device) -> Study:
    """Decide what the study leaves to the machine, once and for all of its runs."""
    return study.model_copy(
        update={
            "precision": acceleration.resolve_precision(study.precision, device),
            "threads": study.threads or acceleration.default_threads(),
        }
    )


def prepare_data(folder: StudyFolder, progress: Progress) -> None:
    """The data stage of every data set; those that were read before are compared with their source, if it is here."""
    subjects, sources = runs.subjects(folder.study), Sources(folder)
    _compare(folder, sources, progress)
    pending = [(subject, sources.of(subject)) for subject in subjects if not is_prepared(folder, subject)]
    for name, dataset in folder.study.datasets.items():
        if not dataset.source:
            progress.note(f"{name}: left out, no folder given (--data {name}=DIR)")
    whole = work(folder, {subject: len(source.images) for subject, source in pending})
    progress.start(whole.total, whole.done)
    for subject, source in pending:
        progress.announce(f"reading {subject.name}")
        progress.note(f"{subject.name}: {said(tally(source), source)}")
        prepare(folder, subject, source, lambda count: progress.advance(decoded(count)))
        facts = runs.read_json(folder.data(subject) / "audit.json")
        if facts["files"]["refused"]:
            progress.note(f"{subject.name}: {said(Tally(**facts['files']))}")
    for subject in subjects:
        regions = folder.study.datasets[subject.dataset].regions
        if regions and not (folder.data(subject) / REGIONS).is_file():
            audited = folder.data(subject) / "audit.json"
            marked = adopt(folder, subject, Path(regions))
            if form := form_said(Path(regions)):
                progress.note(f"{subject.name}: {form}")
            runs.write_json(audited, runs.read_json(audited) | {"regions": marked})
    for name in dict.fromkeys(subject.dataset for subject in subjects):
        unaudited = [own for own in subjects if own.dataset == name and needs_audit(folder, own)]
        if unaudited:
            progress.announce(f"auditing {name}")
            write_audit(folder, unaudited, sources.of(unaudited[0]))


def _compare(folder: StudyFolder, sources: Sources, progress: Progress) -> None:
    """Refuse a source that has changed since it was read; say in one note which could not be compared."""
    away: list[str] = []
    for subject in runs.subjects(folder.study):
        if is_prepared(folder, subject) and folder.study.datasets[subject.dataset].source != PHANTOM:
            away += _not_compared(folder, subject, sources)
    if away:
        listed = "; ".join(dict.fromkeys(away))
        progress.note(f"not compared with what the study has read, which it goes on with: {listed}")


def _not_compared(folder: StudyFolder, subject: Subject, sources: Sources) -> list[str]:
    dataset = folder.study.datasets[subject.dataset]
    if not has_source(folder, subject):
        return [f"{dataset.source} is not there"]
    try:
        source = sources.of(subject)
    except FoveateError:
        beside = [Path(own) for own in (dataset.masks, dataset.table, dataset.label_table) if own]
        if lacking := [f"{path} is not there" for path in beside if not lies_here(path)]:
            return lacking
        raise
    failed = freshness.refuse_changed(folder.data(subject), source)
    return [f"of {source.folder} {failed}"] if failed else []


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
