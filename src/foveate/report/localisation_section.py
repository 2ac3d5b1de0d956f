"""Whether the heat-maps lie on the lesions: one data set's part of the page."""

from __future__ import annotations

from typing import Any

import pandas as pd

from foveate import runs
from foveate.report import localisation_tables as tables
from foveate.report import localisation_words as words
from foveate.runs import StudyFolder, Subject


def localisation_section(folder: StudyFolder, subject: Subject, summary: pd.DataFrame) -> dict[str, Any]:
    """Tables and sentences for the template; empty where no heat-map was scored."""
    study = folder.study
    rows = tables.localisation_table(study, subject, summary)
    if not rows:
        return {}
    confidence, audit = study.evaluation.confidence, folder.data(subject) / "audit.json"
    groups = tables.groups(study, subject, summary)
    return {
        "models": len(rows),
        "scores": tables.score_table(rows, words.localisation_meaning(rows)),
        "intervals": tables.interval_table(rows, words.intervals_meaning(folder.study.repeats), confidence),
        "differences": tables.difference_table(rows, words.differences_meaning(rows), confidence),
        "groups": tables.group_table(groups, words.groups_meaning(rows), confidence),
        "looks": words.where_it_looks(rows),
        "against": words.against_baseline(rows, confidence),
        "limits": words.localisation_limits(rows),
        "warnings": runs.read_json(audit).get("mask_warnings", []) if audit.is_file() else [],
    }
