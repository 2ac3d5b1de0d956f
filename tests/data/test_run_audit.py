"""What a study finds out of its own images: near duplicates stay on one side, and the audit stands in its folder."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from foveate import runs
from foveate.data.prepare import source_of
from foveate.data.run_audit import needs_audit, write_audit
from foveate.report.words import data_facts
from foveate.runs import StudyFolder, Subject
from tests.data.pictures import picture, save
from tests.data.test_prepare import prepared, study_of


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 pictures a class; the first five of each stand there again, at another JPEG quality."""
    place = tmp_path_factory.mktemp("Jane Doe") / "images"
    for label, start in (("normal", 0), ("sick", 100)):
        for number in range(20):
            save(picture(start + number), place / label / f"{number}.jpg", 95)
        for number in range(5):
            save(picture(start + number), place / label / f"again{number}.jpg", 70)
    return place


def parts(folder: StudyFolder, subject: Subject, name: str = "split.csv") -> dict[str, str]:
    manifest = pd.read_csv(folder.data(subject) / "manifest.csv", dtype=str)
    table = manifest.merge(pd.read_csv(folder.data(subject) / name, dtype=str))
    return dict(zip(table["path"], table["part"], strict=True))


def parted(where: dict[str, str]) -> int:
    """Pictures whose two copies stand in different parts."""
    return sum(
        where[f"{label}/{number}.jpg"] != where[f"{label}/again{number}.jpg"]
        for label in ("normal", "sick")
        for number in range(5)
    )


@pytest.mark.parametrize("seed", range(3))
def test_clean_keeps_near_duplicates_on_one_side(images: Path, tmp_path: Path, seed: int) -> None:
    folder = prepared(tmp_path / "out", study_of(images, seed=seed, policies=["paper", "clean"]))
    paper, clean = runs.subjects(folder.study)
    assert parted(parts(folder, clean)) == 0
    assert len(parts(folder, clean)) == 50  # they are kept: not the same pixels
    found = {subject: runs.read_json(folder.data(subject) / "audit.json") for subject in (paper, clean)}
    assert found[clean]["near_duplicates"] == {"clusters": 10, "images": 20, "across_parts": 0}
    assert found[paper]["near_duplicates"]["across_parts"] == parted(parts(folder, paper)) > 0


def test_folds_keep_them_together_too(images: Path, tmp_path: Path) -> None:
    folder = prepared(tmp_path / "out", study_of(images, repeats=4, repeats_differ_in="folds"))
    (subject,) = runs.subjects(folder.study)
    for name in ("split.csv", "split-2.csv", "split-3.csv", "split-4.csv"):
        assert parted(parts(folder, subject, name)) == 0


def test_near_duplicates_and_patients_join_groups(images: Path, tmp_path: Path) -> None:
    """Two patients, one picture of whom is nearly the same, are one group: neither may stand on the other side."""
    rows = [(label, f"{label}/{n}.jpg", f"{label}{n}") for label in ("normal", "sick") for n in range(20)]
    rows += [(label, f"{label}/again{n}.jpg", f"{label}{19 - n}") for label in ("normal", "sick") for n in range(5)]
    table = tmp_path / "table.csv"
    table.write_text("label,path,patient\n" + "".join(f"{','.join(row)}\n" for row in rows))
    study = study_of(images, dataset={"table": str(table)}, validation_fraction=0.25)
    folder = prepared(tmp_path / "out", study)
    (subject,) = runs.subjects(folder.study)
    where = parts(folder, subject)
    for label in ("normal", "sick"):
        for n in range(5):  # n -> again n by the picture -> 19 - n by the patient
            assert where[f"{label}/{n}.jpg"] == where[f"{label}/again{n}.jpg"] == where[f"{label}/{19 - n}.jpg"]


def test_the_audit_of_a_study(images: Path, tmp_path: Path) -> None:
    folder = prepared(tmp_path / "out", study_of(images, policies=["paper"]))
    (subject,) = runs.subjects(folder.study)
    assert needs_audit(folder, subject)
    write_audit(folder, [subject], source_of(folder, subject))
    page = (folder.data(subject) / "audit.html").read_text(encoding="utf-8")
    assert not needs_audit(folder, subject)
    assert "50 images show 50 different pictures, 40 where nearly identical ones count as one" in page
    assert "normal/again3.jpg" in page
    text = (folder.data(subject) / "audit.json").read_text(encoding="utf-8")
    assert "again3" not in text  # names of files stay in the page
    told = runs.read_json(folder.data(subject) / "audit.json")
    assert told["findings"]["duplicates"]["identical_or_near"]["pairs"] == 10
    assert told["near_duplicates"]["across_parts"] > 0
    count = told["near_duplicates"]["across_parts"]
    assert any(f"{count} pictures are in both parts" in line for line in data_facts(told))


def test_a_shortcut_is_told_in_the_report(tmp_path: Path) -> None:
    for label, width in (("normal", 200), ("sick", 120)):  # the width alone is the label
        for number in range(20):
            save(picture(number + width, width), tmp_path / "images" / label / f"{number}.png")
    folder = prepared(tmp_path / "out", study_of(tmp_path / "images"))
    (subject,) = runs.subjects(folder.study)
    write_audit(folder, [subject], source_of(folder, subject))
    facts = data_facts(runs.read_json(folder.data(subject) / "audit.json"))
    assert any(line.startswith("Size in pixels gives the label away before the picture is seen: AUC") for line in facts)
    findings = runs.read_json(folder.data(subject) / "audit.json")["findings"]
    assert findings["shortcut_sentences"][0].startswith("Size in pixels gives the label away")
