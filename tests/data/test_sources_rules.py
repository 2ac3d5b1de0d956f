"""The paper's data sets as their sources pack them are read with splits and patients, when a study asks for it."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import pytest

from foveate.config.dataset import Dataset
from foveate.data.sources import Source, SourceImage, read_dataset
from foveate.data.sources.rules import RULES, kermany_patient
from foveate.errors import FoveateError
from tests.data.test_sources import touch


def read(folder: Path, rules: str) -> Source:
    return read_dataset(Dataset.model_validate({"source": str(folder), "rules": rules}))


def manifest(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "data" / name / "manifest.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("person1000_bacteria_2931.jpeg", "person1000_bacteria"),
        ("person1000_virus_1681.jpeg", "person1000_virus"),
        ("person447_virus_921_1.jpg", "person447_virus"),
        ("IM-0115-0001.jpeg", "IM-0115"),
        ("IM-0011-0001-0001.jpeg", "IM-0011"),
        ("NORMAL2-IM-0666-0001.jpeg", "NORMAL2-IM-0666"),
        ("NORMAL2-IM-1103-0001-0002.jpeg", "NORMAL2-IM-1103"),
        ("person1000_2931.jpeg", ""),
        ("my person1_virus_6.jpeg", ""),
    ],
)
def test_patients_of_kermanys_names(name: str, patient: str) -> None:
    assert kermany_patient(name) == patient


def test_names_tell_patients_only_when_asked(tmp_path: Path) -> None:
    touch(tmp_path, "train/NORMAL/IM-0115-0001.jpeg", "train/PNEUMONIA/person1_virus_6.jpeg", "test/NORMAL/x.jpeg")
    assert {image.patient for image in read_dataset(Dataset(source=str(tmp_path))).images} == {""}
    with pytest.raises(FoveateError, match=r"rules: cxr: 1 names in .* tell no patient: test/NORMAL/x\.jpeg"):
        read(tmp_path, "cxr")
    (tmp_path / "test/NORMAL/x.jpeg").unlink()
    source = read(tmp_path, "cxr")
    assert [image.patient for image in source.images] == ["IM-0115", "person1_virus"]
    assert "not as on the data card of cxr: train NORMAL: 1 images, 1,341 on the card" in source.warnings


def test_chest_x_rays_as_kaggle_packs_them(shared: Path, tmp_path: Path) -> None:
    """With a second copy, and Apple's files; the manifest's patients were told from the same names by others."""
    rows = manifest(shared, "cxr")
    assert [kermany_patient(Path(row["path"]).name) for row in rows] == [row["patient"] for row in rows]
    some = {row["path"].replace(".jpg", ".jpeg"): row for row in rows[::20]}
    top = touch(tmp_path / "chest_xray", *some, *(f"chest_xray/{name}" for name in some), "__MACOSX/._x.jpeg")
    source = read(tmp_path, "cxr")
    assert source.folder == top
    assert {image.path: (image.label, image.split, image.patient) for image in source.images} == {
        path: (row["label"], row["split"], row["patient"]) for path, row in some.items()
    }
    assert len(source.ignored) == len(some)
    assert "not as on the data card of cxr: val NORMAL: 0 images, 8 on the card" in source.warnings


def test_a_manifest_without_patients_is_completed(tmp_path: Path) -> None:
    touch(tmp_path, "IM-0115-0001.jpeg", "person1_virus_6.jpeg")
    (tmp_path / "manifest.csv").write_text("path,label,patient\nIM-0115-0001.jpeg,a,Mr X\nperson1_virus_6.jpeg,b,\n")
    assert [image.patient for image in read(tmp_path, "cxr").images] == ["Mr X", "person1_virus"]


@pytest.mark.parametrize("name", ["skin", "mri"])
def test_sets_without_patients(shared: Path, tmp_path: Path, name: str) -> None:
    rows = manifest(shared, name)
    source = read(touch(tmp_path / "images", *(row["path"] for row in rows)), name)
    splits = {"Training": "train", "Testing": "test", "train": "train", "test": "test"}
    expected = {(row["path"], row["label"], splits[row["split"]], "") for row in rows}
    assert {(image.path, image.label, image.split, image.patient) for image in source.images} == expected
    assert bool(source.warnings) == (name == "skin")  # a substitute: other counts than the card's


def covid_ct(folder: Path, rows: list[dict[str, str]], images: str = "Images-processed/") -> Path:
    """COVID-CT as its repository packs it, empty files, with what is odd about it: one line of the COVID test list
    stands twice and another is missing, and 83 names in the spreadsheet have no ending."""
    names = {label: [Path(row["source_path"]).name for row in rows if row["label"] == label] for label in RANGES}
    for label, own in names.items():
        touch(folder, *(f"{images}CT_{label}/{name}" for name in own))
        (folder / "Data-split" / label).mkdir(parents=True)
        for split in ("train", "val", "test"):
            listed = [Path(r["source_path"]).name for r in rows if (r["label"], r["split"]) == (label, split)]
            if (label, split) == ("COVID", "test"):
                listed[listed.index(UNLISTED)] = UNLISTED.replace("%3", "%0")
            (folder / "Data-split" / label / f"{split}CT_{label}.txt").write_text("\n".join(listed))
    book = openpyxl.Workbook()
    book.active.append(["File name", "Patient ID", "Age"])
    patient_of = {Path(row["source_path"]).name: row["patient"].split(" ", 1)[1] for row in rows}
    for number, name in enumerate(names["COVID"]):
        book.active.append([name.removesuffix(".png") if number < 83 else name, patient_of[name], 40])
    book.save(folder / "COVID-CT-MetaInfo.xlsx")
    lines = [f"{number},{name},{patient_of[name]}\n" for number, name in enumerate(names["NonCOVID"])]
    (folder / "NonCOVID-CT-MetaInfo.csv").write_text(",image name,patient id\n" + "".join(lines))
    return folder


RANGES = ("COVID", "NonCOVID")
UNLISTED = "Talaromyces-marneffei-infection-relapse-presenting-as-ost_2020_International-p1-12%3.png"


@pytest.mark.parametrize("images", ["Images-processed/", "", "Images-processed/CT_COVID.unpacked/"])
def test_covid_ct_with_its_lists_and_patients(shared: Path, tmp_path: Path, images: str) -> None:
    rows = manifest(shared, "ct")
    source = read(covid_ct(tmp_path, rows, images), "ct")
    expected = {
        f"{images}CT_{row['label']}/{Path(row['source_path']).name}": (row["label"], row["split"], row["patient"])
        for row in rows
    }
    assert {image.path: (image.label, image.split, image.patient) for image in source.images} == expected
    assert source.warnings == ["images in no official list: 1, which go where the rest of their patient is"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """COVID-CT with two images a class."""
    rows = [
        {"label": label, "split": split, "source_path": f"{label}-{split}.png", "patient": f"{label} P-{split}"}
        for label in RANGES
        for split in ("train", "val", "test")
    ]
    rows += [{"label": "COVID", "split": "test", "source_path": UNLISTED, "patient": "COVID P-test"}]
    rows += [{**rows[-1], "source_path": UNLISTED.replace("%3", "%0")}]
    return covid_ct(tmp_path, rows)


def of(source: Source, name: str) -> SourceImage:
    (found,) = [image for image in source.images if name in image.path]
    return found


def test_covid_ct_without_lists_or_patients(small: Path) -> None:
    (small / "NonCOVID-CT-MetaInfo.csv").unlink()
    source = read(small, "ct")
    assert "NonCOVID-CT-MetaInfo.csv is not there: the patients of NonCOVID are not known" in source.warnings
    assert of(source, "NonCOVID-val").patient == ""
    for file in sorted((small / "Data-split").rglob("*.txt"))[:-1]:
        file.unlink()
    with pytest.raises(FoveateError, match=r"has no split list trainCT_COVID\.txt: all six are needed, or none"):
        read(small, "ct")
    next((small / "Data-split").rglob("*.txt")).unlink()
    source = read(small, "ct")
    assert {image.split for image in source.images} == {""}
    assert any("no split is known" in warning for warning in source.warnings)


def test_covid_ct_that_does_not_fit_together(small: Path) -> None:
    test_list = small / "Data-split/COVID/testCT_COVID.txt"
    whole = test_list.read_text()
    test_list.write_text(f"{whole}\nno-such.png\n")
    with pytest.raises(FoveateError, match=r"testCT_COVID\.txt names 1 files that are not in CT_COVID: no-such"):
        read(small, "ct")
    test_list.write_text(f"{whole}\nCOVID-train.png\n")
    with pytest.raises(FoveateError, match=r"COVID-train stands in the lists of train and test"):
        read(small, "ct")
    test_list.write_text(whole)
    touch(small, "backup/CT_COVID/COVID-val.png")
    with pytest.raises(FoveateError, match=r"holds Images-.*/COVID-val\.png and backup/.*: keep one copy"):
        read(small, "ct")
    (small / "backup/CT_COVID/COVID-val.png").unlink()
    (small / "NonCOVID-CT-MetaInfo.csv").write_text("image name,age\nNonCOVID-val.png,40\n")
    with pytest.raises(FoveateError, match=r"NonCOVID-CT-MetaInfo\.csv has no column 'patient id': its columns are"):
        read(small, "ct")


def test_covid_ct_still_packed(tmp_path: Path) -> None:
    touch(tmp_path, "Images-processed/CT_COVID.zip", "README.md")
    with pytest.raises(FoveateError, match=r"no images in a folder CT_COVID: unpack CT_COVID\.zip there, or let"):
        read(tmp_path, "ct")


def test_every_rule_has_a_name_that_a_study_may_use() -> None:
    for name in RULES:
        assert Dataset.model_validate({"source": "x", "rules": name}).rules == name
