"""Cases are drawn evenly from the validation part, or named; what is not there is refused by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foveate import runs
from foveate.errors import FoveateError
from foveate.reading import selection
from foveate.reading.selection import Selected
from foveate.runs import Run, StudyFolder, Subject
from tests.report import synthetic


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return synthetic.build(tmp_path_factory.mktemp("study"), repeats=1, images=120, side=33, masks=False)


@pytest.fixture(scope="module")
def subject(folder: StudyFolder) -> Subject:
    return runs.subjects(folder.study)[0]


def right(folder: StudyFolder, subject: Subject, case: str) -> int:
    """How many models are right, worked out a case at a time."""
    count = 0
    for model in folder.study.models:
        table = pd.read_csv(folder.run(Run(subject, model, 1)) / "predictions.csv", dtype={"case": str})
        row = table[table["case"] == case].iloc[0]
        count += (row["p_lesion"] > row["p_normal"]) == (row["label"] == "lesion")
    return count


def test_candidates_are_the_validation_part_with_their_strata(folder: StudyFolder, subject: Subject) -> None:
    known = selection.candidates(folder, subject, 1)
    split = pd.read_csv(folder.data(subject) / "split.csv", dtype=str)
    assert [case.case for case in known] == split.loc[split["part"] == "validation", "case"].tolist()
    for case in known[:20]:
        count = right(folder, subject, case.case)
        assert case.stratum == ("none" if count == 0 else "all" if count == 4 else "some")
    assert {case.truth for case in known} == {"normal", "lesion"}


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def made_up(**sizes: int) -> list[Selected]:
    """So many different images of each class; all models are right about the first, some about the second, ..."""
    return [
        Selected(f"{truth}{number}", truth, selection.STRATA[number % 3])
        for truth, size in sizes.items()
        for number in range(size)
    ]


def test_draws_evenly_over_the_strata_as_far_as_there_are_images(folder: StudyFolder, subject: Subject) -> None:
    candidates = selection.candidates(folder, subject, 1)
    known = Counter((case.truth, case.stratum) for case in candidates)
    for count in (1, 3, 8, 20):
        chosen = selection.draw(candidates, 2 * count, generator(5), "mri")
        assert len({case.case for case in chosen}) == 2 * count
        drawn = Counter((case.truth, case.stratum) for case in chosen)
        for truth in ("normal", "lesion"):
            own = {stratum: drawn[truth, stratum] for stratum in selection.STRATA}
            assert sum(own.values()) == count
            largest = max(own.values())
            for stratum, number in own.items():  # behind the largest only where there are no more images
                assert number >= largest - 1 or number == known[truth, stratum]


def test_what_is_left_over_goes_to_classes_at_random() -> None:
    known, seen = made_up(a=9, b=9, c=9, d=9), set()
    for seed in range(60):
        drawn = Counter(case.truth for case in selection.draw(known, 6, generator(seed), "mri"))
        assert sorted(drawn.values()) == [1, 1, 2, 2]
        seen.add(tuple(truth for truth in "abcd" if drawn[truth] == 2))
    assert seen == {("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")}


def test_fewer_cases_than_classes_are_of_different_classes() -> None:
    known = made_up(a=9, b=9, c=9, d=9)
    drawn = [[case.truth for case in selection.draw(known, 2, generator(seed), "mri")] for seed in range(40)]
    assert all(len(set(truths)) == 2 for truths in drawn)
    assert {truth for truths in drawn for truth in truths} == set("abcd")


def test_a_class_with_too_few_images_leaves_its_cases_to_the_others() -> None:
    drawn = Counter(case.truth for case in selection.draw(made_up(a=9, b=1, c=9), 7, generator(), "mri"))
    assert drawn == {"a": 3, "b": 1, "c": 3}
    assert len(selection.draw(made_up(a=2, b=1), 3, generator(), "mri")) == 3


def test_the_seed_decides(folder: StudyFolder, subject: Subject) -> None:
    first = selection.select(folder, [subject], 8, 1, 2, seed=1)
    assert first == selection.select(folder, [subject], 8, 1, 2, seed=1)
    assert first != selection.select(folder, [subject], 8, 1, 2, seed=2)
    more = selection.select(folder, [subject], 8, 1, 5, seed=1)
    assert [one for one in more if not one.practice] == list(first[:8])


def test_of_the_same_pixels_one_image_is_drawn(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path, repeats=1, images=24, side=33, masks=False)
    subject = runs.subjects(folder.study)[0]
    for model in folder.study.models:
        path = folder.run(Run(subject, model, 1)) / "predictions.csv"
        table = pd.read_csv(path, dtype={"case": str})
        first = table.loc[table["label"] == "lesion", "case"].iloc[0]
        copies = [f"{first}-{number}" for number in range(2, (table["label"] == "lesion").sum() + 1)]
        table.loc[table["label"] == "lesion", "case"] = [first, *copies]
        table.to_csv(path, index=False)
    known = selection.candidates(folder, subject, 1)
    assert len(known) == 12
    normal = sum(case.truth == "normal" for case in known)
    chosen = selection.draw(known, normal + 1, generator(), "mri")
    assert sum(case.truth == "lesion" for case in chosen) == 1
    says = f"validation part of mri has {normal + 1} different images, fewer than the {normal + 2} asked for"
    with pytest.raises(FoveateError, match=says):
        selection.draw(known, normal + 2, generator(), "mri")


def test_practice_is_of_other_pixels_than_the_cases() -> None:
    known = [Selected(case, "a", "all") for case in ("1", "1-2", "2", "3", "3-2", "4")]
    seen = set()
    for seed in range(40):
        drawn = [case.case for case in selection.others(known, {"1", "4"}, 2, generator(seed))]
        assert sorted(case[0] for case in drawn) == ["2", "3"]
        seen |= set(drawn)
    assert seen == {"2", "3", "3-2"}
    assert len(selection.others(known, {"1", "4"}, 1, generator())) == 1
    assert selection.others(known, {"1", "2", "3", "4"}, 2, generator()) == ()
    assert selection.others(known, {"1"}, 0, generator()) == ()


def test_practice_is_recorded_as_far_as_there_are_images(folder: StudyFolder, subject: Subject) -> None:
    size = len(selection.candidates(folder, subject, 1))
    shown = selection.select(folder, [subject], size - 3, 1, 5, seed=0)
    assert [one.practice for one in shown] == [False] * (size - 3) + [True] * 3
    assert len({one.selected.pixels for one in shown}) == size


def test_repeats_are_dealt_evenly_and_at_random() -> None:
    dealt = [tuple(selection.deal(range(1, 4), 5, generator(seed))) for seed in range(60)]
    assert all(sorted(Counter(each).values()) == [1, 2, 2] for each in dealt)
    assert {repeat for each in dealt for repeat, times in Counter(each).items() if times == 1} == {1, 2, 3}
    assert {each[0] for each in dealt} == {1, 2, 3}
    assert any(each[0] == each[1] for each in dealt)  # not one round after the other
    assert selection.deal(range(2, 3), 3, generator()) == [2, 2, 2]
    assert selection.deal(range(1, 4), 0, generator()) == []


def test_strata_over_all_repeats_count_every_run(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path, repeats=3, images=60, side=33, masks=False)
    subject = runs.subjects(folder.study)[0]
    single = [
        {case.case: case.stratum for case in selection.candidates(folder, subject, repeat)} for repeat in (1, 2, 3)
    ]
    known = selection.candidates(folder, subject, "all")
    assert [case.case for case in known] == list(single[0])
    for case in known:
        own = {each[case.case] for each in single}
        assert case.stratum == (own.pop() if len(own) == 1 else "some")
    assert {case.stratum for case in known} >= {"all", "some"}
    shown = selection.select(folder, [subject], 7, "all", 2, seed=3)
    assert sorted(Counter(one.repeat for one in shown if not one.practice).values()) == [2, 2, 3]
    assert len({one.repeat for one in shown if one.practice}) == 2
    assert {one.repeat for one in selection.select(folder, [subject], 7, 2, 2, seed=3)} == {2}


def test_repeats_that_share_no_validation_image_cannot_be_shown_in_turn(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path, repeats=2, images=24, side=33, masks=False)
    subject = runs.subjects(folder.study)[0]
    for model in folder.study.models:
        path = folder.run(Run(subject, model, 2)) / "predictions.csv"
        table = pd.read_csv(path, dtype={"case": str})
        table.assign(case="f" + table["case"]).to_csv(path, index=False)
    with pytest.raises(FoveateError, match="mri: no image is in the validation part of all runs. Choose one repeat"):
        selection.candidates(folder, subject, "all")


def test_practice_of_one_data_set_is_no_case_of_another(tmp_path: Path) -> None:
    """The two have the same images."""
    folder = synthetic.build(tmp_path, datasets=("mri", "ct"), repeats=1, images=24, side=33, masks=False)
    for seed in range(10):
        shown = selection.select(folder, runs.subjects(folder.study), 3, 1, 2, seed)
        assert [one.subject.name for one in shown] == ["mri"] * 5 + ["ct"] * 5
        tried = [one.selected.pixels for one in shown if one.practice]
        assert len(set(tried)) == 4
        assert not set(tried) & {one.selected.pixels for one in shown if not one.practice}


def test_named_cases_keep_their_order(folder: StudyFolder, subject: Subject) -> None:
    known = selection.candidates(folder, subject, 1)
    wanted = [known[5].case, known[0].case]
    assert selection.named(known, wanted, "mri") == (known[5], known[0])
    shown = selection.select(folder, [subject], wanted, 1, 1, seed=0)
    assert [one.selected for one in shown[:2]] == [known[5], known[0]]
    assert [one.practice for one in shown] == [False, False, True]


def test_what_cannot_be_named_is_refused_by_name(folder: StudyFolder, subject: Subject) -> None:
    known = selection.candidates(folder, subject, 1)
    good, training = known[0].case, f"{0:016x}"
    with pytest.raises(FoveateError, match=f"not in the validation part of mri: {training}, nonsense"):
        selection.named(known, [good, training, "nonsense"], "mri")
    with pytest.raises(FoveateError, match=f"named more than once: {good}"):
        selection.named(known, [good, good], "mri")
    with pytest.raises(FoveateError, match="at least one case"):
        selection.named(known, [], "mri")
    with pytest.raises(FoveateError, match="at least one case of each data set, not 0"):
        selection.draw(known, 0, generator(), "mri")
    with pytest.raises(FoveateError, match="fewer than the 1000 asked for"):
        selection.draw(known, 1000, generator(), "mri")


def test_data_sets_that_cannot_be_selected_are_refused(folder: StudyFolder, subject: Subject) -> None:
    other = Subject("ct", "paper", "ct")
    with pytest.raises(FoveateError, match="cases are named of one data set: choose one of mri, ct with --dataset"):
        selection.select(folder, [subject, other], ["a"], 1, 0, seed=0)
    with pytest.raises(FoveateError, match="each named once, not mri, mri"):
        selection.select(folder, [subject, subject], 2, 1, 0, seed=0)
    with pytest.raises(FoveateError, match="one data set or more"):
        selection.select(folder, [], 2, 1, 0, seed=0)
    with pytest.raises(FoveateError, match="practice cases must be 0 or more, not -1"):
        selection.select(folder, [subject], 2, 1, -1, seed=0)


def test_missing_runs_and_heatmaps_are_named(tmp_path: Path) -> None:
    missing = ("mri/resnet18+se/2", "mri/resnet18+gc/2")
    folder = synthetic.build(tmp_path, repeats=2, images=24, side=33, masks=False, missing=missing)
    subject = runs.subjects(folder.study)[0]
    with pytest.raises(FoveateError, match=r"no predictions of mri/resnet18\+se/2, mri/resnet18\+gc/2"):
        selection.candidates(folder, subject, 2)
    with pytest.raises(FoveateError, match="no predictions of mri/resnet18/3"):
        selection.candidates(folder, subject, 3)
    (folder.run(Run(subject, "resnet18+cbam", 1)) / "heatmaps.npz").unlink()
    with pytest.raises(FoveateError, match=r"no heat-maps of mri/resnet18\+cbam/1:"):
        selection.select(folder, [subject], 2, 1, 0, seed=0)
    with pytest.raises(FoveateError, match=r"no predictions of mri/resnet18\+se/2, mri/resnet18\+gc/2"):
        selection.candidates(folder, subject, "all")


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path, repeats=1, images=24, side=33, masks=False)
    subject = runs.subjects(folder.study)[0]
    path = folder.run(Run(subject, "resnet18", 1)) / "predictions.csv"
    path.write_text("case,label\na,b\n", encoding="utf-8")
    with pytest.raises(FoveateError, match="cannot read .*predictions.csv"):
        selection.candidates(folder, subject, 1)
