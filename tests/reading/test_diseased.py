"""Readers are shown images with disease where it is known which class that is; healthy ones where they are wanted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from foveate import runs
from foveate.errors import FoveateError
from foveate.reading import package, selection
from foveate.runs import StudyFolder, Subject
from tests.reading.small_study import build, key_of
from tests.report import synthetic


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return synthetic.build(tmp_path, repeats=1, images=60, side=33, masks=False)


def subject_of(folder: StudyFolder) -> Subject:
    return runs.subjects(folder.study)[0]


def change(folder: StudyFolder, **facts: object) -> None:
    path = folder.data(subject_of(folder)) / "audit.json"
    runs.write_json(path, runs.read_json(path) | facts)


def truths(folder: StudyFolder, healthy: bool, cases: int | list[str] = 6, practice: int = 3) -> list[Counter[str]]:
    """Classes of the cases, and of those for practice."""
    shown = selection.select(folder, [subject_of(folder)], cases, 1, practice, 0, healthy)
    return [Counter(one.selected.truth for one in shown if one.practice == which) for which in (False, True)]


def test_healthy_images_are_drawn_where_they_are_wanted(folder: StudyFolder) -> None:
    assert truths(folder, healthy=False) == [{"lesion": 6}, {"lesion": 3}]
    assert truths(folder, healthy=True)[0] == {"lesion": 3, "normal": 3}


@pytest.mark.parametrize(("by", "known"), [("study", True), ("name", True), ("alphabet", False)])
def test_what_the_alphabet_chose_is_no_disease(folder: StudyFolder, by: str, known: bool) -> None:
    change(folder, positive_chosen_by=by)
    assert selection.diseased(folder, subject_of(folder)) == (("lesion",) if known else ())
    assert truths(folder, healthy=False)[0] == ({"lesion": 6} if known else {"lesion": 3, "normal": 3})


def test_several_classes_can_be_disease(folder: StudyFolder) -> None:
    change(folder, classes={"a": [], "b": [], "c": []}, positives=["b", "c"])
    assert selection.diseased(folder, subject_of(folder)) == ("b", "c")
    (folder.data(subject_of(folder)) / "audit.json").unlink()
    assert selection.diseased(folder, subject_of(folder)) == ()


def test_named_cases_are_those_and_practice_goes_by_them(folder: StudyFolder) -> None:
    known = selection.candidates(folder, subject_of(folder), 1)
    ill = [case.case for case in known if case.truth == "lesion"][:2]
    well = next(case.case for case in known if case.truth == "normal")
    assert truths(folder, healthy=False, cases=ill, practice=20)[1].keys() == {"lesion"}
    both = truths(folder, healthy=False, cases=[*ill, well], practice=20)
    assert both[0] == {"lesion": 2, "normal": 1}
    assert both[1].keys() == {"lesion", "normal"}


def test_too_few_images_of_disease_are_counted(folder: StudyFolder) -> None:
    known = selection.candidates(folder, subject_of(folder), 1)
    ill = sum(case.truth == "lesion" for case in known)
    says = f"has {ill} different images of lesion, fewer than the 25 .* at most {ill}, or for healthy ones too"
    with pytest.raises(FoveateError, match=says):
        truths(folder, healthy=False, cases=25)
    assert sum(truths(folder, healthy=True, cases=25)[0].values()) == 25


def test_the_package_knows_whether_healthy_images_are_among_them(tmp_path: Path) -> None:
    folder, subject = build(tmp_path)
    for healthy in (False, True):
        place = package.create(folder, [subject], 4, healthy=healthy, practice=1)
        assert package.load(place).datasets[0].healthy is healthy
        assert set(key_of(place)["truth"]) == ({"lesion", "normal"} if healthy else {"lesion"})
        place.rename(tmp_path / f"{healthy}")
    text = (tmp_path / "True" / "study.yaml").read_text(encoding="utf-8").replace("  healthy: true\n", "")
    (tmp_path / "True" / "study.yaml").write_text(text, encoding="utf-8")
    assert package.load(tmp_path / "True").datasets[0].healthy  # of older studies, which drew all classes
