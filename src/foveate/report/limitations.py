"""What a study's files show to speak against its own numbers, for cards and the checklist: the warnings' sentences."""

from __future__ import annotations

from foveate.report.warnings.collect import of_subject
from foveate.runs import StudyFolder, Subject


def limitations(folder: StudyFolder, subject: Subject, model: str = "") -> list[str]:
    """The warnings of one data set as sentences, the weightiest first; with `model`, those that concern it."""
    return [own.sentence for own in of_subject(folder, subject) if not model or own.concerns(model)]
