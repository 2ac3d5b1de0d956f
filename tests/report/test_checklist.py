import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from foveate import runs
from foveate.config import parse_study
from foveate.report.checklist import checklist, checklist_json, checklist_markdown
from foveate.report.checklist_draft import GUIDELINES, Item
from foveate.runs import StudyFolder
from tests.report import synthetic

DISJOINT = "Level at which the parts are disjoint: patient or image"
RIGHT_PLACE = "Explanations: whether they are right"
TESTS = "Intervals, tests, and allowance for several comparisons"
EXTERNAL = "Testing on images from elsewhere, and how these differ"
UNSEEN = {  # no program can vouch for these
    "Clinical background, intended use, users and place in care",
    "Approval of an ethics committee, and consent",
    "Setting, eligibility, and how patients were found",
    "Patients in each part, and how well they represent the intended ones",
    "How the labels were obtained, and why in this way",
    "Who set the labels, with which training and tools, and their agreement",
    "Number of images, and why it is enough",
    "Robustness and sensitivity analyses",
    "Subgroups and fairness",
    EXTERNAL,
    "Analysis of failures",
    "Limitations",
    "Interpretation, and what follows for practice",
    "Availability of code, models and data",
    "Funding, role of funders, interests",
}


def items_of(folder: StudyFolder) -> dict[str, Item]:
    items = checklist(folder)
    titles = {item.title: item for item in items}
    assert len(titles) == len(items)
    return titles


def with_audit(folder: StudyFolder, **changes: Any) -> StudyFolder:
    for file in folder.path.glob("data/*/audit.json"):
        runs.write_json(file, runs.read_json(file) | changes)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return synthetic.build(tmp_path_factory.mktemp("whole") / "out", images=40)


@pytest.fixture(scope="module")
def partial(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    absent = {"mri@paper/resnet18+se/2"}
    path = tmp_path_factory.mktemp("partial") / "out"
    return synthetic.build(path, policies=("paper", "clean"), missing=absent, masks=False, images=30)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study of which nothing but the configuration is there."""
    folder = StudyFolder(tmp_path_factory.mktemp("empty") / "out")
    folder.create(parse_study({"name": "s", "models": ["resnet18"], "datasets": {"mri": {"source": "/secret/Jane"}}}))
    return folder


def test_nothing_is_done_without_files_that_exist(whole: StudyFolder, partial: StudyFolder, empty: StudyFolder) -> None:
    done = []
    for folder in (whole, partial, empty):
        items = checklist(folder)
        done.append(sum(item.status == "done" for item in items))
        for item in items:
            assert bool(item.evidence) == (item.status == "done")
            assert all((folder.path / path).is_file() for path in item.evidence)
            assert item.note.strip()
            assert set(item.guidelines) <= set(GUIDELINES)
            assert item.guidelines
    assert done[0] > done[1] > done[2] == 0


def test_what_no_program_can_see_is_never_done(whole: StudyFolder, partial: StudyFolder, empty: StudyFolder) -> None:
    for folder in (whole, partial, empty):
        items = items_of(folder)
        assert {items[title].status for title in UNSEEN} == {"needs the author"}
        assert items[EXTERNAL].note.startswith("None was performed by this study")
        assert set(items[EXTERNAL].guidelines) == set(GUIDELINES)


def test_a_drawn_data_set_has_no_patients(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.create(parse_study({"name": "s", "models": ["resnet18"], "datasets": {"a": {"source": "phantom"}}}))
    items = items_of(folder)
    assert items["Approval of an ethics committee, and consent"].status == "not applicable"
    assert items["Source, dates and licence of the images"].evidence == ("study.yaml",)
    assert items["Clinical background, intended use, users and place in care"].status == "needs the author"


def test_tests_and_measures_are_done_where_the_tables_hold_them(whole: StudyFolder) -> None:
    items = items_of(whole)
    assert items[TESTS].evidence == ("comparison.csv", "tests.csv")
    assert items[TESTS].note == "Obuchowski-Rockette, runs as readers, factorial; p-values after Holm."
    assert items["Calibration"].evidence == ("measures.csv",)
    assert items["Thresholds of a positive call"].evidence == ("study.yaml", "measures.csv")
    assert items["Number of runs and their seeds"].note == "12 runs, the seeds of each on file."
    assert len(items["Number of runs and their seeds"].evidence) == 12


def test_tables_of_an_earlier_version_hold_no_tests(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", images=20, repeats=2)
    for name, columns in {"comparison": 6, "results": 5}.items():
        file = folder.path / f"{name}.csv"
        pd.read_csv(file).iloc[:, :columns].to_csv(file, index=False)
    for name in ("tests", "measures"):
        (folder.path / f"{name}.csv").unlink()
    items = items_of(folder)
    for title in (TESTS, "Calibration", "Thresholds of a positive call", "Performance of every run and model"):
        assert items[title].status == "needs the author"
    assert items["Measures of performance"].evidence == ("results.csv",)


def test_missing_runs_are_counted(partial: StudyFolder) -> None:
    items = items_of(partial)
    for title in ("Number of runs and their seeds", "Performance of every run and model", "Outputs kept for audit"):
        assert items[title].status == "needs the author"
        assert "Runs missing: 1 of 24" in items[title].note
    assert items["Architecture, input and output"].status == "done"


def test_heat_maps_are_validated_where_there_are_masks(whole: StudyFolder, partial: StudyFolder) -> None:
    assert items_of(whole)[RIGHT_PLACE].evidence == ("localisation.csv",)
    without = items_of(partial)[RIGHT_PLACE]
    assert without.status == "needs the author"
    assert "no lesions were marked in mri@paper and mri@clean" in without.note


def test_parts_are_disjoint_by_patient_only_where_that_is_known(tmp_path: Path) -> None:
    folder = synthetic.build(tmp_path / "out", images=20, repeats=1, policies=("clean",))
    unknown = items_of(folder)[DISJOINT]
    assert unknown.status == "needs the author"
    assert "which images are of one patient is not known (mri)" in unknown.note
    known = items_of(with_audit(folder, patients=12))[DISJOINT]
    assert known.status == "done"
    assert known.evidence == ("data/mri/audit.json", "data/mri/split.csv")
    manifest = pd.DataFrame({"case": ["a", "b", "c"], "patient": ["p1", "", ""]})
    manifest.to_csv(folder.path / "data" / "mri" / "manifest.csv", index=False)
    assert "the patients of 2 images are not known" in items_of(folder)[DISJOINT].note


def test_other_policies_do_not_keep_patients_together(tmp_path: Path) -> None:
    folder = with_audit(synthetic.build(tmp_path / "out", images=20, repeats=1), patients=12)
    assert "the paper policy does not keep patients together (mri)" in items_of(folder)[DISJOINT].note


def test_a_guessed_positive_class_is_for_the_author(whole: StudyFolder, tmp_path: Path) -> None:
    title = "What counts as disease"
    assert items_of(whole)[title].status == "needs the author"
    folder = with_audit(synthetic.build(tmp_path / "out", images=20, repeats=1), positive_chosen_by="study")
    assert items_of(folder)[title].note == "As the study says: positive is lesion."


def test_one_model_is_compared_with_nothing(empty: StudyFolder) -> None:
    assert items_of(empty)[TESTS].status == "not applicable"


def test_limitations_are_named_for_the_author(whole: StudyFolder) -> None:
    note = items_of(whole)["Limitations"].note
    assert "The patients are not known" in note
    assert "Copies across parts: 1 validation image" in note


def test_markdown_has_every_item_and_no_numbers_of_items(whole: StudyFolder) -> None:
    items = checklist(whole)
    page = checklist_markdown(items)
    rows = [line for line in page.splitlines() if line.startswith("| ") and " | " in line[2:]]
    titles = [line.split(" | ")[0].removeprefix("| ") for line in rows]
    assert [title for title in titles if title not in ("Topic", ":--")] == [item.title for item in items]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
    assert not re.search(r"\b[Ii]tem \d", page)
    assert "Jane" not in page
    done = sum(item.status == "done" for item in items)
    assert f"{len(items)} topics: done {done}, " in page
    assert "`runs/mri/resnet18/1/run.json`" in page
    assert "and 9 more)" in page  # all twelve are in the JSON


def test_json_holds_the_same(whole: StudyFolder) -> None:
    items = checklist(whole)
    content = json.loads(checklist_json(items))
    assert list(content["guidelines"]) == ["CLAIM 2024", "TRIPOD+AI", "STARD-AI"]
    tuples = [{**item, "guidelines": tuple(item["guidelines"]), "evidence": tuple(item["evidence"])}
              for item in content["items"]]  # fmt: skip
    assert [Item(**item) for item in tuples] == items
