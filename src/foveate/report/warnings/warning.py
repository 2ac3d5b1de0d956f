"""One warning, how heavy it weighs, and how several are ordered and written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Weight = Literal["grave", "serious", "limit"]
# Every kind of warning, the weightiest first. Grave: numbers may mean something else than they seem to. Serious: they
# may be off, or nobody can tell by how much. Limit: what studies of this kind leave open; in the report, not printed.
WEIGHTS: dict[str, Weight] = {
    "worse_than_chance": "grave",
    "not_learned": "grave",
    "shortcut_as_good": "grave",
    "copies_across_parts": "grave",
    "near_copies_across_parts": "grave",
    "contradicting_labels": "grave",
    "positive_by_alphabet": "grave",
    "shortcut": "grave",
    "patients_across_parts": "grave",
    "mixed_scalings": "grave",
    "masks": "grave",
    "runs_missing": "grave",
    "best_epoch": "serious",
    "run_not_learned": "serious",
    "learning_unsure": "serious",
    "patients_unknown": "serious",
    "patients_not_together": "serious",
    "positive_by_name": "serious",
    "odd_source": "serious",
    "few_images": "serious",
    "coarse_maps": "serious",
    "one_run": "serious",
    "left_out": "serious",
    "burned_in_texts": "serious",
    "unknown_images": "limit",
    "synthetic": "limit",
    "one_data_set": "limit",
    "no_external_validation": "limit",
    "no_subgroups": "limit",
    "one_split": "limit",
}
_SHORT = 6  # warnings that are named once a study has ended


@dataclass(frozen=True)
class StudyWarning:
    """What speaks against a study's numbers; no sentence names a file or a patient."""

    key: str  # of WEIGHTS
    sentence: str
    remedy: str = ""  # what would be right, a sentence; '' where nothing can be done within the study
    dataset: str = ""  # in files, such as mri@clean; '' for the whole study
    models: tuple[str, ...] = ()  # that it is about; none: all

    @property
    def weight(self) -> Weight:
        return WEIGHTS[self.key]

    def concerns(self, model: str) -> bool:
        """Whether it belongs on the card of this model."""
        return not self.models or model in self.models


def ordered(found: Iterable[StudyWarning]) -> list[StudyWarning]:
    """The weightiest first; of one kind as they came."""
    places = list(WEIGHTS)
    return sorted(found, key=lambda own: places.index(own.key))


def for_people(found: Iterable[StudyWarning]) -> list[StudyWarning]:
    """Without the limits that every study of its kind has; what is said alike of several data sets once."""
    together: dict[tuple[str, str], StudyWarning] = {}
    for own in found:
        if own.weight == "limit":
            continue
        alike = together.get((own.key, own.sentence))
        names = own.dataset if alike is None else f"{alike.dataset}, {own.dataset}"
        together[own.key, own.sentence] = replace(own, dataset=names)
    return list(together.values())


def lines(found: Iterable[StudyWarning]) -> list[str]:
    """A line each, for a terminal before the work: warning: mri: what is wrong, and what would be right."""
    return [
        " ".join(filter(None, ["warning:", own.dataset and f"{own.dataset}:", own.sentence, own.remedy]))
        for own in for_people(found)
    ]


def short_lines(found: Iterable[StudyWarning], where: str) -> list[str]:
    """The weightiest in few lines, for a terminal after the work; `where` says where all of them stand."""
    shown = for_people(found)
    if not shown:
        return []
    head = "1 warning" if len(shown) == 1 else f"{len(shown)} warnings, the weightiest first"
    named = [f"  {f'{own.dataset}: ' if own.dataset else ''}{own.sentence}" for own in shown[:_SHORT]]
    rest = len(shown) - len(named)
    return [f"{head} ({where}):", *named, *([f"  and {rest} more"] if rest else [])]


def document(found: Sequence[StudyWarning]) -> dict[str, Any]:
    """warnings.json: every warning with its weight, the limits too."""
    return {"warnings": [{"key": own.key, "weight": own.weight, **asdict(own)} for own in found]}
