"""Folders as people have them are read right, or refused with a remedy; nothing is written into them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from foveate.config import dump_study, load_study, parse_study
from foveate.config.dataset import Dataset
from foveate.data.sources import open_image, read_dataset, read_source
from foveate.errors import FoveateError, UsageError
from tests.conftest import MakeImages


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("FOVEATE_CACHE", str(folder))
    return folder


def touch(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def test_class_folders(tmp_path: Path) -> None:
    source = read_source(
        touch(tmp_path, "b/1.png", "a/2.JPG", "a/deeper/3.tif", "b/notes.txt", "README.md", ".hidden/x.png")
    )
    assert [(image.path, image.label, image.split) for image in source.images] == [
        ("a/2.JPG", "a", ""),
        ("a/deeper/3.tif", "a", ""),
        ("b/1.png", "b", ""),
    ]
    assert source.ignored == ["README.md", "b/notes.txt"]
    assert source.labels == {"a": 2, "b": 1}


def test_split_folders(tmp_path: Path) -> None:
    source = read_source(touch(tmp_path, "Training/a/1.png", "Testing/b/2.png", "val/a/3.png", "train/loose.png"))
    assert [(image.label, image.split) for image in source.images] == [
        ("b", "test"),
        ("a", "train"),
        ("a", "val"),
    ]
    assert source.ignored == ["train/loose.png"]


def test_splits_within_the_classes(tmp_path: Path) -> None:
    source = read_source(touch(tmp_path, "benign/train/1.png", "benign/test/2.png", "malignant/train/3.png"))
    assert [(image.label, image.split) for image in source.images] == [
        ("benign", "test"),
        ("benign", "train"),
        ("malignant", "train"),
    ]
    loose = read_source(touch(tmp_path, "malignant/4.png"))  # not every image has one: they are folders like others
    assert {image.split for image in loose.images} == {""}


def test_numbered_folders_with_the_same_two_classes_are_patients(tmp_path: Path) -> None:
    source = read_source(touch(tmp_path, *(f"1025{n}/{label}/{n}.png" for n in range(4) for label in ("0", "1"))))
    assert [(image.path, image.label, image.patient) for image in source.images[:2]] == [
        ("10250/0/0.png", "0", "10250"),
        ("10250/1/0.png", "1", "10250"),
    ]
    assert "they were read as patients" in source.warnings[0]
    touch(tmp_path, "10254/1/5.png")  # a patient without one of them
    assert read_source(tmp_path).labels == {"0": 4, "1": 5}


@pytest.mark.parametrize(
    "paths",
    [
        [f"{top}/{side}/1.png" for top in ("benign", "grade1", "grade2") for side in ("no", "yes")],  # one is no number
        [f"grade{top}/{side}/1.png" for top in (1, 2) for side in ("no", "yes")],  # too few
        [f"grade{top}/{side}/1.png" for top in range(4) for side in ("left", "right")],  # neither is healthy
        [f"grade{top}/{side}X/1.png" for top in range(4) for side in (40, 100, 200)],  # three
        [*(f"grade{top}/{side}/1.png" for top in range(4) for side in ("no", "yes")), "grade1/1.png"],  # not so deep
        ["g1/no/1.png", "g2/yes/1.png", "g3/yes/2.png"],  # nowhere both
    ],
)
def test_other_folders_in_folders_stay_classes(tmp_path: Path, paths: list[str]) -> None:
    source = read_source(touch(tmp_path, *paths))
    assert set(source.labels) == {path.split("/")[0] for path in paths}
    assert not any(image.patient for image in source.images)


def test_folders_that_may_be_patients_are_told_of(tmp_path: Path) -> None:
    source = read_source(touch(tmp_path, *(f"case{n}/{name}/1.png" for n in range(6) for name in ("t1", "t2"))))
    assert len(source.labels) == 6
    assert source.warnings[0].startswith("each of the 6 folders at the top counts as a class, and each holds the same")


def test_a_second_copy_beside_train_and_test_is_ignored(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *(f"{top}{split}/{label}/1.png" for top in ("", "copy/") for split in ("train", "test") for label in "ab"),
    )
    source = read_source(tmp_path)
    assert {(image.label, image.split) for image in source.images} == {
        (label, split) for label in "ab" for split in ("train", "test")
    }
    assert len(source.ignored) == 4
    assert source.ignored[0] == "copy/test/a/1.png"


def test_links(tmp_path: Path) -> None:
    folder, other = touch(tmp_path / "in", "a/1.png", "b/2.png"), touch(tmp_path / "out", "3.png")
    (folder / "b" / "same.png").symlink_to(folder / "a" / "1.png")  # within the folder: an image like others
    assert read_source(folder).labels == {"a": 1, "b": 2}
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    assert read_source(linked).labels == {"a": 1, "b": 2}
    (folder / "b" / "4.png").symlink_to(other / "3.png")
    with pytest.raises(FoveateError, match=r"b/4\.png is a link to .*out/3\.png, outside of"):
        read_source(folder)
    (folder / "b" / "4.png").unlink()
    (folder / "c").symlink_to(other)
    with pytest.raises(FoveateError, match=r"in/c is a link to .*out, outside of"):
        read_source(folder)


def test_labels_that_nobody_meant(tmp_path: Path) -> None:
    touch(tmp_path, "benign/1.png", "malignant/2.png", "Benign/3.png", "Benign/4.png")
    with pytest.raises(FoveateError, match=r"'Benign' \(2 images\) and 'benign' \(1\) differ only in case or spaces"):
        read_source(tmp_path)
    merge = Dataset(source=str(tmp_path), merge={"benign": ("Benign", "benign")})
    assert read_dataset(merge).labels == {"benign": 3, "malignant": 1}
    with pytest.raises(FoveateError, match=r"the label 'b ' has stray spaces"):
        read_source(touch(tmp_path / "other", "a/1.png", "b /2.png"))


def test_merging_classes(tmp_path: Path) -> None:
    folder = str(touch(tmp_path, "glioma/1.png", "meningioma/2.png", "none/3.png"))
    merged = read_dataset(Dataset(source=folder, merge={"tumour": ("glioma", "meningioma")}))
    assert merged.labels == {"none": 1, "tumour": 2}
    assert [image.path for image in merged.images] == ["glioma/1.png", "meningioma/2.png", "none/3.png"]
    with pytest.raises(UsageError, match=r"no class 'gliom' \(did you mean glioma\?\)"):
        read_dataset(Dataset(source=folder, merge={"tumour": ("gliom",)}))
    with pytest.raises(UsageError, match=r"has a class 'none' already"):
        read_dataset(Dataset(source=folder, merge={"none": ("glioma",)}))
    with pytest.raises(FoveateError, match=r"one class only \(all\)"):
        read_dataset(Dataset(source=folder, merge={"all": ("glioma", "meningioma", "none")}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"table": "t.csv", "columns": {"pth": "x"}}, r"unknown key 'datasets\.d\.columns\.pth', did you mean 'path'"),
        ({"table": "t.csv", "label_columns": {"label": "x"}}, "label_columns goes with label_table"),
        ({"columns": {"path": "x"}}, "columns goes with table"),
        ({"label_table": "t.csv"}, "label_table goes with table"),
        ({"rules": "cxt"}, r"'cxt' is none of skin, cxr, mri, ct, did you mean 'ct'"),
        ({"rules": "ct", "table": "t.csv"}, "rules and table exclude each other"),
        ({"merge": {"x": ["a"], "y": ["a"]}}, "merge names the label 'a' twice"),
    ],
)
def test_wrong_keys_of_a_data_set(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_study({"name": "s", "models": ["resnet18"], "datasets": {"d": {"source": "x", **keys}}})


def test_labels_that_yaml_takes_for_numbers() -> None:
    dataset = Dataset.model_validate({"merge": {1: [1, 2]}, "positive": 1})
    assert (dataset.merge, dataset.positive) == ({"1": ("1", "2")}, ("1",))


def test_a_study_keeps_what_it_says_of_its_table(tmp_path: Path) -> None:
    dataset = {"source": "i", "table": "t.csv", "columns": {"label": ["a", "b"], "path": "f"}, "merge": {"x": "a"}}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({"models": ["resnet18"], "datasets": {"d": dataset}}))
    study = load_study(tmp_path / "s.yaml")
    assert study.datasets["d"].table == str(tmp_path / "t.csv")
    assert study.datasets["d"].columns.label == ("a", "b")
    assert parse_study(yaml.safe_load(dump_study(study))) == study


def test_patients_with_several_labels_are_told_of(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png", "3.png", "4.png")
    rows = "path,label,patient,site\n1.png,a,P1,north\n2.png,b,P1,south\n3.png,a,P2,\n4.png,b,,\n"
    (tmp_path / "manifest.csv").write_text(rows)
    source = read_source(tmp_path)
    assert source.warnings == [
        "1 of 4 images has no patient: each counts as another patient's",
        "1 of 2 patients has images with several labels",
    ]
    assert [image.site for image in source.images] == ["north", "south", "", ""]


def test_nothing_is_written_where_the_data_lie(make_images: MakeImages, tmp_path: Path, cache: Path) -> None:
    images = make_images(a=3, b=3)
    (images / "labels.csv").write_text("path,label\n" + "".join(f"{x}/{n}.png,{x}\n" for x in "ab" for n in range(3)))
    with zipfile.ZipFile(images / "images.zip", "w") as archive:
        for path in sorted(images.rglob("*.png")):
            archive.write(path, path.relative_to(images))
    pictures = {
        f"train_{what}": array for what, array in (("images", np.zeros((2, 28, 28), np.uint8)), ("labels", [0, 1]))
    }
    np.savez(images / "pictures.npz", **pictures)  # type: ignore[arg-type]
    before = tree(images)
    for place in (images, images / "images.zip", images / "pictures.npz"):
        source = read_source(place)
        for image in source.images:
            assert min(open_image(source, image).pixels.shape) >= 28
    read_dataset(Dataset(source=str(images), table=str(images / "labels.csv")))
    assert tree(images) == before
    assert cache.is_dir()


def tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file and folder with its time of change, size and mode."""
    status = {str(path): path.stat() for path in [folder, *folder.rglob("*")]}
    return {path: (one.st_mtime_ns, one.st_size, one.st_mode) for path, one in status.items()}


def test_manifest_decides(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.png", "x/2.png", "x/3.png", "masks/1.png")
    rows = "path,label,patient,split,mask,age\nx/1.png,sick,P1,Training,masks/1.png,40\nx/2.png,well,P2,test,,50\n"
    (tmp_path / "manifest.csv").write_text(rows)
    source = read_source(tmp_path)
    first, second = source.images
    assert (first.label, first.patient, first.split, first.mask) == (
        "sick",
        "P1",
        "train",
        str(tmp_path / "masks/1.png"),
    )
    assert (second.label, second.split, second.mask) == ("well", "test", "")
    assert source.ignored == ["x/3.png"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,label\nx/1.png,a\n", "no column 'path'"),
        ("path,label\nx/1.png,a\nx/9.png,b\n", r"names 1 file that is not there: x/9\.png\. Paths are relative to"),
        ("path,label\nx/1.png,\n", "line 2: label must not be empty"),
        ("path,label\n,a\n", "line 2: path must not be empty"),
        ("path,label,split\nx/1.png,a,fold1\n", "split 'fold1' is none of"),
        ("path,label\nx/1.png,a\n", "one class only"),
        ("", "manifest.csv is empty: it needs a header"),
    ],
)
def test_bad_manifests(tmp_path: Path, rows: str, message: str) -> None:
    touch(tmp_path, "x/1.png")
    (tmp_path / "manifest.csv").write_text(rows)
    with pytest.raises(FoveateError, match=message):
        read_source(tmp_path)


def test_masks_mirror_the_images(tmp_path: Path) -> None:
    images = touch(tmp_path / "images", "a/1.jpg", "b/2.jpg")
    masks = tmp_path / "masks"
    (masks / "a").mkdir(parents=True)
    Image.new("1", (4, 4)).save(masks / "a" / "1.png")
    assert [image.mask for image in read_source(images, masks).images] == [str(masks / "a" / "1.png"), ""]
    with pytest.raises(FoveateError, match=r"expected at, for example, .*a/1\.png"):
        read_source(images, touch(tmp_path / "empty", "nothing.txt"))
    with pytest.raises(FoveateError, match="does not exist"):
        read_source(images, tmp_path / "absent")


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FoveateError, match="does not exist"):
        read_source(tmp_path / "absent")
    with pytest.raises(FoveateError, match="holds no images"):
        read_source(tmp_path)
    loose = touch(tmp_path / "loose", "1.png", "2.png")
    with pytest.raises(FoveateError, match="holds 2 images, but in no class folder: it needs one sub-folder a class"):
        read_source(loose)
    shutil.rmtree(loose)
    touch(tmp_path, "outer/a/1.png")
    with pytest.raises(FoveateError, match=r"one class only \(outer\): two sub-folders"):
        read_source(tmp_path)
    touch(tmp_path, "outer/b/1.png")
    with pytest.raises(FoveateError, match=r"did you mean .*outer\?"):
        read_source(tmp_path)
    with pytest.raises(FoveateError, match=r"is a file: .*, a \.zip of it, or a MedMNIST \.npz"):
        read_source(tmp_path / "outer/a/1.png")
    (tmp_path / "labels.csv").touch()
    with pytest.raises(FoveateError, match="is a table: give the folder of its images as source"):
        read_source(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("name", "labels", "patients", "splits"),
    [
        ("ct", {"COVID": 349, "NonCOVID": 397}, 384, {"train": 425, "val": 118, "test": 203}),
        ("skin", {"benign": 1500, "malignant": 1245}, 0, {"train": 2068, "test": 677}),
        ("cxr", {"NORMAL": 1575, "PNEUMONIA": 4265}, None, {"train": 5216, "test": 624}),
        (
            "mri",
            {"glioma_tumor": 926, "meningioma_tumor": 937, "no_tumor": 500, "pituitary_tumor": 901},
            0,
            {"train": 2870, "test": 394},
        ),
    ],
)
def test_the_papers_data_sets_as_they_lie(
    shared: Path, name: str, labels: dict[str, int], patients: int | None, splits: dict[str, int]
) -> None:
    source = read_source(shared / "data" / name)
    assert source.labels == labels
    assert {split: sum(image.split == split for image in source.images) for split in splits} == splits
    if patients is not None:
        assert len({image.patient for image in source.images if image.patient}) == patients
    assert "SOURCE.md" in source.ignored


def test_the_mri_masks(shared: Path) -> None:
    source = read_source(shared / "data" / "mri", shared / "data" / "masks-mri")
    assert sum(bool(image.mask) for image in source.images) == 2345
