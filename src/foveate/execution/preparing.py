"""The data stage of a study: what is not read yet is read, what was read is compared with its source."""

from __future__ import annotations

from pathlib import Path

from foveate import runs
from foveate.config.dataset import PHANTOM
from foveate.data import freshness
from foveate.data.prepare import Sources, has_source, is_prepared, lies_here, prepare
from foveate.data.run_audit import needs_audit, write_audit
from foveate.data.sources import Source, Tally, said, tally
from foveate.errors import FoveateError
from foveate.execution.plan import decoded, work
from foveate.execution.progress import Progress
from foveate.explanation.localisation import REGIONS, adopt, form_said
from foveate.runs import StudyFolder, Subject


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
        _read(folder, subject, source, progress)
    for subject in subjects:
        _adopt_regions(folder, subject, progress)
    for name in dict.fromkeys(subject.dataset for subject in subjects):
        unaudited = [own for own in subjects if own.dataset == name and needs_audit(folder, own)]
        if unaudited:
            progress.announce(f"auditing {name}")
            write_audit(folder, unaudited, sources.of(unaudited[0]))


def _read(folder: StudyFolder, subject: Subject, source: Source, progress: Progress) -> None:
    progress.announce(f"reading {subject.name}")
    progress.note(f"{subject.name}: {said(tally(source), source)}")
    prepare(folder, subject, source, lambda count: progress.advance(decoded(count)))
    facts = runs.read_json(folder.data(subject) / "audit.json")
    files, copies, patients = Tally(**facts["files"]), facts["duplicates"]["removed"], facts["patients"]
    if files.refused:
        progress.note(f"{subject.name}: {said(files)}")
    if copies:
        left_out = "1 exact copy is" if copies == 1 else f"{copies:,} exact copies are"
        progress.note(f"{subject.name}: {left_out} left out of the split")
    if patients:
        progress.note(f"{subject.name}: {patients:,} patients are known")


def _adopt_regions(folder: StudyFolder, subject: Subject, progress: Progress) -> None:
    """Keep the boxes and points of a data set's images, once."""
    regions, audited = folder.study.datasets[subject.dataset].regions, folder.data(subject) / "audit.json"
    if not regions or (folder.data(subject) / REGIONS).is_file():
        return
    marked = adopt(folder, subject, Path(regions))
    if form := form_said(Path(regions)):
        progress.note(f"{subject.name}: {form}")
    runs.write_json(audited, runs.read_json(audited) | {"regions": marked})


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
