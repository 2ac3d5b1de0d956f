"""Cases are drawn evenly from the validation part, or named; what is not there is refused by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from foveate import runs
from foveate.errors import FoveateError
from foveate.reading import selection
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


def test_draws_evenly_over_the_strata_as_far_as_there_are_images(folder: StudyFolder, subject: Subject) -> None:
    known = Counter((case.truth, case.stratum) for case in selection.candidates(folder, subject, 1))
    for count in (1, 3, 8, 20):
        chosen = selection.draw(folder, subject, 1, count, seed=5)
        assert len({case.case for case in chosen}) == 2 * count
        drawn = Counter((case.truth, case.stratum) for case in chosen)
        for truth in ("normal", "lesion"):
            own = {stratum: drawn[truth, stratum] for stratum in selection.STRATA}
            assert sum(own.values()) == count
            largest = max(own.values())
            for stratum, number in own.items():  # behind the largest only where there are no more images
                assert number >= largest - 1 or number == known[truth, stratum]


def test_the_seed_decides(folder: StudyFolder, subject: Subject) -> None:
    first = selection.draw(folder, subject, 1, 4, seed=1)
    assert first == selection.draw(folder, subject, 1, 4, seed=1)
    assert first != selection.draw(folder, subject, 1, 4, seed=2)


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
    assert len(selection.candidates(folder, subject, 1)) == 12
    chosen = selection.draw(folder, subject, 1, 1, seed=0)
    assert sum(case.truth == "lesion" for case in chosen) == 1
    with pytest.raises(FoveateError, match="has 1 different images of the class lesion, fewer than the 2 asked for"):
        selection.draw(folder, subject, 1, 2, seed=0)


def test_named_cases_keep_their_order(folder: StudyFolder, subject: Subject) -> None:
    known = selection.candidates(folder, subject, 1)
    wanted = [known[5].case, known[0].case]
    assert selection.named(folder, subject, 1, wanted) == (known[5], known[0])


def test_what_cannot_be_named_is_refused_by_name(folder: StudyFolder, subject: Subject) -> None:
    good = selection.candidates(folder, subject, 1)[0].case
    training = f"{0:016x}"
    with pytest.raises(FoveateError, match=f"not in the validation part of mri, repeat 1: {training}, nonsense"):
        selection.named(folder, subject, 1, [good, training, "nonsense"])
    with pytest.raises(FoveateError, match=f"named more than once: {good}"):
        selection.named(folder, subject, 1, [good, good])
    with pytest.raises(FoveateError, match="at least one case"):
        selection.named(folder, subject, 1, [])
    with pytest.raises(FoveateError, match="at least one case of each class, not 0"):
        selection.draw(folder, subject, 1, 0, seed=0)
    with pytest.raises(FoveateError, match="fewer than the 1000 asked for"):
        selection.draw(folder, subject, 1, 1000, seed=0)


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
        selection.draw(folder, subject, 1, 1, seed=0)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path, repeats=1, images=24, side=33, masks=False)
    subject = runs.subjects(folder.study)[0]
    path = folder.run(Run(subject, "resnet18", 1)) / "predictions.csv"
    path.write_text("case,label\na,b\n", encoding="utf-8")
    with pytest.raises(FoveateError, match="cannot read .*predictions.csv"):
        selection.candidates(folder, subject, 1)
