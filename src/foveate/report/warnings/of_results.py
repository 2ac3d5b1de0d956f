"""What the results tell against themselves: networks that have not learned, shortcuts as good, runs missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from foveate.config import Study
from foveate.report import learning, tables
from foveate.report.learning import CHANCE
from foveate.report.warnings.of_data import read_audit
from foveate.report.warnings.warning import StudyWarning
from foveate.runs import StudyFolder, Subject

_MOST = 0.8  # of what the best network has above chance; a shortcut that has as much comes near it
_REMEDY = {
    "not_learned": "Look at the loss (history.csv): more epochs, another learning rate, more or other images.",
    "worse_than_chance": "Are the labels right, and the same in both parts? Are there enough images?",
    "learning_unsure": "More validation images or more runs would tell.",
}


def of_results(folder: StudyFolder, subject: Subject) -> Iterator[StudyWarning]:
    """Warnings of one data set; none where no run has ended."""
    study, results = folder.study, tables.read_results(folder)
    if not len(results):
        return
    known = learning.learnings(study, subject, results)
    for state, models in learning.by_state(known).items():
        if state != "learned":
            names = tuple(own.model for own in models)
            sentence = learning.sentence(state, models, study.evaluation.confidence)
            yield StudyWarning(state, sentence, _REMEDY[state], subject.name, names)
    for own in known:
        if stuck := learning.stuck_sentence(own):
            yield StudyWarning("run_not_learned", stuck, _REMEDY["not_learned"], subject.name, (own.model,))
    yield from _shortcut_as_good(read_audit(folder, subject), _best(study, subject, results), subject)
    missing = [run for run in tables.missing_runs(study, results) if run.subject == subject]
    if missing:
        of = len(study.models) * study.repeats
        sentence = f"Not complete: {len(missing)} of {of} runs on this data set are missing."
        yield StudyWarning("runs_missing", sentence, f"foveate run {folder.path.name} goes on.", subject.name)


def _best(study: Study, subject: Subject, results: pd.DataFrame) -> float:
    """The highest mean AUC of a model, in per cent: also one of 100, of which no interval is known."""
    own = tables.of_subject(results, subject)
    means = 100 * own[own["model"].isin(list(study.models))].groupby("model")["auc"].mean()
    return float(means.max()) if means.notna().any() else CHANCE


def _shortcut_as_good(audit: dict[str, Any], best: float, subject: Subject) -> Iterator[StudyWarning]:
    """Of two classes alone: of several, the audit's mean over the labels answers another question."""
    shortcuts = (audit.get("findings") or {}).get("shortcuts") or {}
    found = dict(_aucs(shortcuts))
    if len(audit.get("classes") or ()) != 2 or not found or best <= CHANCE:
        return
    what = max(found, key=lambda name: found[name])
    if found[what] - CHANCE >= _MOST * (best - CHANCE):
        reach = "as far as" if found[what] >= best else "nearly as far as"
        sentence = (
            f"What is known without the picture ({what}) leads {reach} the networks: AUC {found[what]:.1f} %, the best "
            f"network {best:.1f} %. They may have learned that and nothing of the disease."
        )
        remedy = "Heat-maps on the border or on labels would speak for that; audit.html shows what tells the classes."
        yield StudyWarning("shortcut_as_good", sentence, remedy, subject.name)


def _aucs(shortcuts: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What is known without the picture -> the AUC in per cent of a classifier that sees nothing else."""
    facts = {fact["name"]: fact for fact in shortcuts.get("facts", [])}
    for title, own in (
        ("the file’s format, colour mode and size", shortcuts.get("file")),
        ("the file’s format, size and bytes, and brightness", shortcuts.get("everything")),
        ("the site", facts.get("site")),
        ("the rule by which numbers were scaled", facts.get("scaling")),
    ):
        if own and own.get("auc") and own["auc"]["low"] * 100 > CHANCE:
            yield title, 100 * own["auc"]["value"]
