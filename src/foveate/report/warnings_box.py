"""The page's box of warnings: the weightiest first, each with what would be right; the limits of the study folded."""

from __future__ import annotations

from typing import Any

from foveate import runs
from foveate.report import words
from foveate.report.warnings.collect import collect
from foveate.report.warnings.warning import StudyWarning, for_people
from foveate.runs import StudyFolder

_OPEN = 4  # warnings that are read without a click; the others are folded


def warnings_box(folder: StudyFolder) -> dict[str, Any]:
    """What the template needs: `shown` and `more`, each warning a dict, and `limits`, sentences."""
    found, study = collect(folder), folder.study
    titles = {subject.name: words.subject_title(study, subject) for subject in runs.subjects(study)}
    told = [_entry(own, titles if len(titles) > 1 else {}) for own in for_people(found)]
    limits = dict.fromkeys(own.sentence for own in found if own.weight == "limit")
    return {"count": len(told), "shown": told[:_OPEN], "more": told[_OPEN:], "limits": list(limits)}


def _entry(own: StudyWarning, titles: dict[str, str]) -> dict[str, str]:
    """Data sets by their titles, where there are several and the warning is not of all."""
    names = own.dataset.split(", ") if own.dataset else []
    on = "" if len(names) == len(titles) else words.listed([titles[name] for name in names if name in titles])
    return {"weight": own.weight, "on": on, "sentence": own.sentence, "remedy": own.remedy}
