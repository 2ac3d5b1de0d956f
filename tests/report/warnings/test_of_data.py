"""audit.json's counts as warnings, for every design."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foveate import runs
from foveate.config import dump_study, parse_study
from foveate.report.warnings.of_data import of_data
from foveate.report.warnings.warning import StudyWarning
from foveate.runs import StudyFolder

CLEAN: dict[str, Any] = {
    "classes": {"normal": ["normal"], "sick": ["sick"]},
    "labels": {"normal": 100, "sick": 100},
    "positives": ["sick"],
    "positive_chosen_by": "study",
    "patients": 60,
    "parts": {"validation": {"normal": 30, "sick": 30}},
    "duplicates": {"across_parts": 0, "conflicting_groups": 0, "removed": 0},
}


def warned(
    place: Path, audit: dict[str, Any], policy: str = "clean", source: str = "/d", **more: Any
) -> dict[str, StudyWarning]:
    study = parse_study(
        {"name": "s", "models": ["m"], "datasets": {"d": {"source": source}}, "policies": [policy]} | more
    )
    place.mkdir(exist_ok=True)
    (place / "study.yaml").write_text(dump_study(study))
    folder = StudyFolder(place)
    (subject,) = runs.subjects(study)
    if audit:
        runs.write_json(folder.data(subject) / "audit.json", audit)
    return {own.key: own for own in of_data(folder, subject) if own.weight != "limit"}


def test_a_clean_audit_warns_of_nothing(tmp_path: Path) -> None:
    assert warned(tmp_path / "s", CLEAN) == {}


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ({"patients": None}, "patients_unknown", "images of one patient may be in both parts"),
        ({"positive_chosen_by": "alphabet"}, "positive_by_alphabet", "alphabet, since neither name tells: sick."),
        ({"positive_chosen_by": "name"}, "positive_by_name", "by the names of the classes: sick."),
        ({"duplicates": {"across_parts": 1}}, "copies_across_parts", "1 validation image is also in the training part"),
        ({"duplicates": {"conflicting_groups": 2}}, "contradicting_labels", "2 pictures have more than one label."),
        ({"near_duplicates": {"across_parts": 3}}, "near_copies_across_parts", "3 pictures are in both parts"),
        ({"parts": {"validation": {"normal": 30, "sick": 4}}}, "few_images", "only 4 validation images of the class"),
        ({"findings": {"shortcut_sentences": ["Size gives the label away: AUC 85 %."]}}, "shortcut", "AUC 85 %"),
        ({"mask_warnings": ["1 of 12 masks is grey."]}, "masks", "1 of 12 masks is grey."),
        ({"unreadable": [["sick", "is cut off"]]}, "left_out", "1 unreadable image left out, as the study asks"),
        ({"findings": {"scaling_sentences": ["Numbers by two rules."]}}, "mixed_scalings", "Numbers by two rules."),
        ({"warnings": ["2 of 9 patients have images with several labels"]}, "odd_source", "several labels."),
        ({"burned_in": 1}, "burned_in_texts", "1 DICOM file says that texts are burned into the pixels"),
    ],
)  # fmt: skip
def test_each_finding_is_one_warning(tmp_path: Path, change: dict[str, Any], key: str, says: str) -> None:
    found = warned(tmp_path / "s", CLEAN | change)
    assert list(found) == [key]
    assert says in found[key].sentence
    assert found[key].dataset == "d"


def test_labels_that_contradict_and_were_removed_are_no_warning(tmp_path: Path) -> None:
    removed = CLEAN | {"duplicates": {"conflicting_groups": 2, "removed": 4}}
    assert warned(tmp_path / "s", removed) == {}


def test_one_rule_of_scaling_is_no_warning(tmp_path: Path) -> None:
    assert warned(tmp_path / "s", CLEAN | {"scalings": {"12 bits": 9}}) == {}


def test_the_phantoms_disease_and_patients_are_known(tmp_path: Path) -> None:
    guessed = CLEAN | {"positive_chosen_by": "name", "patients": None}
    assert warned(tmp_path / "s", guessed, source="phantom") == {}


@pytest.mark.parametrize(
    ("policy", "across", "key"),
    [("paper", 3, "patients_not_together"), ("shipped", 3, "patients_across_parts"), ("shipped", 0, None),
     ("shipped", None, "patients_not_together"), ("clean", 3, None)],
)  # fmt: skip
def test_patients_on_both_sides_are_told_by_policy(
    tmp_path: Path, policy: str, across: int | None, key: str | None
) -> None:
    findings = {} if across is None else {"findings": {"patients_in_several_parts": across}}
    assert list(warned(tmp_path / "s", CLEAN | findings, policy)) == ([key] if key else [])


def test_folds_name_the_split_that_was_looked_at(tmp_path: Path) -> None:
    few = CLEAN | {"parts": {"validation": {"normal": 30, "sick": 4}}}
    sentence = warned(tmp_path / "s", few, repeats_differ_in="folds")["few_images"].sentence
    assert sentence.startswith("Few images in the split of run 1: only 4 validation images of the class sick;")
