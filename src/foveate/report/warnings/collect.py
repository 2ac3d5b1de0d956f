"""All warnings of a study, from whatever of its files is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from foveate import runs
from foveate.config import Study
from foveate.data.sources import Source
from foveate.report.warnings.of_data import of_data
from foveate.report.warnings.of_images import of_images
from foveate.report.warnings.of_results import of_results
from foveate.report.warnings.of_study import of_study
from foveate.report.warnings.warning import StudyWarning, document, ordered
from foveate.runs import StudyFolder, Subject

FILE = "warnings.json"


def before_training(
    study: Study, sources: Mapping[str, Source], read: Sequence[Subject] = (), folder: StudyFolder | None = None
) -> list[StudyWarning]:
    """What is known before anything is done: of `sources`, by the study's name of the data set, no image is opened.

    `read` are the data sets that the study in `folder` has read already: what was found then is known, too.
    """
    found = [own for subject in read if folder is not None for own in of_data(folder, subject)]
    return ordered([*of_study(study), *of_images(study, sources), *found])


def of_subject(folder: StudyFolder, subject: Subject) -> list[StudyWarning]:
    """What speaks against the numbers on one data set, what is true of the whole study with it."""
    return ordered([*of_study(folder.study), *of_data(folder, subject), *of_results(folder, subject)])


def collect(folder: StudyFolder) -> list[StudyWarning]:
    """Every warning of a study, the weightiest first."""
    subjects = runs.subjects(folder.study)
    own = [found for subject in subjects for found in (*of_data(folder, subject), *of_results(folder, subject))]
    return ordered([*of_study(folder.study), *own])


def write_warnings(folder: StudyFolder) -> list[StudyWarning]:
    """Write OUT/warnings.json; what is in it."""
    found = collect(folder)
    runs.write_json(Path(folder.path) / FILE, document(found))
    return found
