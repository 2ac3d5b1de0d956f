"""Folders as people have them are read right, or refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from foveate.data.sources import read_source
from foveate.errors import FoveateError


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
        ("path,label\nx/1.png,a\nx/9.png,b\n", "names 1 files that are not there, the first is x/9.png"),
        ("path,label\nx/1.png,\n", "line 2: path and label must not be empty"),
        ("path,label,split\nx/1.png,a,fold1\n", "split 'fold1' is none of"),
        ("path,label\nx/1.png,a\n", "one class only"),
        ("", "not a readable table"),
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
    touch(tmp_path, "outer/a/1.png")
    with pytest.raises(FoveateError, match=r"one class only \(outer\): two sub-folders"):
        read_source(tmp_path)
    touch(tmp_path, "outer/b/1.png")
    with pytest.raises(FoveateError, match=r"did you mean .*outer\?"):
        read_source(tmp_path)
    with pytest.raises(FoveateError, match="is a file"):
        read_source(tmp_path / "outer/a/1.png")


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
