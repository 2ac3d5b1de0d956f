"""What is wrong with a study, found before anything is written."""

from __future__ import annotations

from pathlib import Path

from foveate import runs
from foveate.config import Study
from foveate.config.dataset import PHANTOM
from foveate.data.prepare import is_prepared, try_split
from foveate.data.sources import read_dataset
from foveate.data.split import TRAIN
from foveate.errors import FoveateError, UsageError
from foveate.execution import last_batch, worker
from foveate.explanation.localisation import REGIONS, read_regions
from foveate.models import model_of
from foveate.models.weight_files import read_weights
from foveate.runs import StudyFolder, Subject


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
