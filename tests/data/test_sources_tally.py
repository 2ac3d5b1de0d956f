"""Every file under the given folder is used or left out by a rule: the numbers add up, whatever the source."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveate.config.dataset import Dataset
from foveate.data.examine import audit_folder
from foveate.data.sources import Source, read_dataset, said, tally
from foveate.data.sources.archives import unpacked
from tests.data.test_sources import touch

HIDDEN = ("a/.DS_Store", "a/._1.png", ".git/objects/1", "__MACOSX/a/._1.png", ".ipynb_checkpoints/a/1.png")


def files_below(folder: Path) -> int:
    """Counted by another way than the program's: files, and links to folders, which are not followed."""
    count = 0
    for root, folders, names in os.walk(folder):
        count += len(names) + sum(Path(root, name).is_symlink() for name in folders)
    return count


def volume(file: Path, bright: list[int]) -> None:
    nibabel = pytest.importorskip("nibabel")
    voxels = np.zeros((40, 40, 5), np.float32)
    voxels[..., bright] = np.random.default_rng(len(bright)).random((40, 40, len(bright))) + 0.5
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), file)


def class_folders(place: Path) -> dict[str, Any]:
    touch(place, *HIDDEN, "a/1.png", "a/2.JPG", "b/deep/3.tif", "notes.txt", "loose.png", "b/Thumbs.db", "a/x.lock")
    touch(place, "DICOMDIR", "empty/readme.md")
    (place / "b" / "again").symlink_to(place / "a")
    (place / "b" / "gone.png").symlink_to(place / "b" / "nowhere.png")
    return {}


def split_folders(place: Path) -> dict[str, Any]:
    touch(
        place,
        *HIDDEN,
        *(f"{top}{split}/{label}/1.png" for top in ("", "copy/") for split in ("train", "test") for label in "ab"),
    )
    touch(place, "train/loose.png", "list.csv")
    return {}


def splits_within(place: Path) -> dict[str, Any]:
    touch(place, "a/train/1.png", "a/test/2.png", "b/train/3.png", "b/notes")
    return {}


def patients_above(place: Path) -> dict[str, Any]:
    touch(place, *(f"1{patient}/{label}/{patient}.png" for patient in range(4) for label in "01"), "1/x.txt")
    return {}


def manifest(place: Path) -> dict[str, Any]:
    touch(place, *HIDDEN, "x/1.png", "x/2.png", "x/3.png", "m/1.png", "m/2.png", ".kept/4.png")
    rows = "path,label,mask\nx/1.png,a,m/1.png\nx/2.png,b,\n.kept/4.png,b,\nlinked/3.png,a,\n"
    (place / "linked").symlink_to(place / "x")
    (place / "manifest.csv").write_text(rows)
    return {}


def tables(place: Path) -> dict[str, Any]:
    touch(place, "x/1.png", "x/2.png", "x/3.PNG", "manifest.csv")
    (place / "t.csv").write_text("path\n1\n2\n")
    (place / "truth.csv").write_text("path,label\n1,a\n2,b\n")
    return {"table": str(place / "t.csv"), "label_table": str(place / "truth.csv")}


def frames_of_a_table(place: Path) -> dict[str, Any]:
    pictures = [Image.fromarray(np.full((20, 20), grey, np.uint8)) for grey in (10, 20, 30)]
    touch(place, "1.png")
    pictures[0].save(place / "stack.tif", save_all=True, append_images=pictures[1:])
    (place / "t.csv").write_text("path,label,frame\nstack,a,0\nstack,b,2\n")
    return {"table": str(place / "t.csv")}


def masks_among_the_images(place: Path) -> dict[str, Any]:
    touch(place, "a/1.jpg", "b/2.jpg", "masks/a/1.png", "masks/b/9.png", "masks/notes.txt")
    return {"masks": str(place / "masks")}


def volumes(place: Path) -> dict[str, Any]:
    volume(place / "a" / "1.nii.gz", [1, 2])
    volume(place / "b" / "2.nii", [0, 1, 2, 3])
    touch(place, "b/broken.nii")
    return {}


def dicom(place: Path) -> dict[str, Any]:
    pytest.importorskip("pydicom")
    from tests.data.dicom_files import write

    for name, shape in (
        ("a/1.dcm", (40, 40)),
        ("b/2.dcm", (3, 40, 40)),
        ("b/IM0001", (40, 40)),
        ("b/DICOMDIR", (40, 40)),
    ):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        write(place / name, np.zeros(shape, np.uint16))
    return {}


def kermany(place: Path) -> dict[str, Any]:
    touch(
        place,
        "chest/train/NORMAL/IM-0115-0001.jpeg",
        "chest/test/PNEUMONIA/person1_virus_6.jpeg",
        ".hidden",
        "__MACOSX/chest/x",
    )
    touch(place, "chest/notes.txt", "chest/.DS_Store")
    return {"rules": "cxr"}


def covid_ct(place: Path) -> dict[str, Any]:
    touch(place, "CT_COVID/1.png", "CT_NonCOVID/2.png", "baseline/figure.png", "README.md", "CT_COVID/notes.txt")
    (place / "NonCOVID-CT-MetaInfo.csv").write_text("image name,patient id\n2.png,p\n")
    return {"rules": "ct"}


SOURCES: list[Callable[[Path], dict[str, Any]]] = [
    class_folders, split_folders, splits_within, patients_above, manifest, tables, frames_of_a_table,
    masks_among_the_images, volumes, dicom, kermany, covid_ct,
]  # fmt: skip


def check_sum(source: Source, seen: int) -> None:
    counts = tally(source)
    used = {image.file for image in source.images}
    assert counts.seen == seen
    assert counts.seen == counts.used + sum(counts.left_out.values())
    assert counts.used == len(used)
    assert not used & source.left_out.keys()
    assert said(counts, source).startswith(
        f"{seen:,} files seen: {len(used):,} to be read as {len(source.images):,} images"
    )


@pytest.mark.parametrize("build", SOURCES, ids=lambda build: build.__name__)
def test_the_numbers_add_up(tmp_path: Path, build: Callable[[Path], dict[str, Any]]) -> None:
    place = tmp_path / "data"
    place.mkdir()
    check_sum(read_dataset(Dataset(source=str(place), **build(place))), files_below(place))


@pytest.mark.parametrize("top", ["", "images/"])
def test_the_numbers_of_a_zip(tmp_path: Path, top: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for name in ("a/1.png", "b/2.png", "b/notes.txt", "a/.DS_Store"):
            archive.writestr(top + name, name)
        archive.writestr("__MACOSX/._a", "")
        count = len(archive.namelist())
    source = read_dataset(Dataset(source=str(tmp_path / "i.zip")))
    check_sum(source, count)
    assert files_below(unpacked(tmp_path / "i.zip")) == count
    assert tally(source).left_out == {"hidden": 2, "no image": 1}


@pytest.mark.parametrize("zipped", [False, True])
def test_the_numbers_of_a_medmnist_file(tmp_path: Path, zipped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "m.npz"
    np.savez(file, train_images=np.zeros((4, 28, 28), np.uint8), train_labels=np.arange(4)[:, None] % 2)
    if zipped:
        with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
            archive.write(file, "m.npz")
            archive.writestr("__MACOSX/._m.npz", "")
    source = read_dataset(Dataset(source=str(tmp_path / ("m.zip" if zipped else "m.npz"))))
    counts = tally(source)
    assert (counts.seen, counts.used, counts.images, counts.left_out) == (
        (2, 1, 4, {"hidden": 1}) if zipped else (1, 1, 4, {})
    )


def test_what_cannot_be_read_is_refused_in_the_audit(tmp_path: Path) -> None:
    class_folders(tmp_path)
    for name in ("a/1.png", "b/5.png"):
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 40), np.uint8)).save(tmp_path / name)
    counts = audit_folder(read_dataset(Dataset(source=str(tmp_path)))).files
    assert counts.seen == files_below(tmp_path) == counts.used + sum(counts.left_out.values()) + (counts.refused or 0)
    assert (counts.used, counts.images, counts.refused) == (2, 2, 3)  # refused: 2.JPG and 3.tif, empty; a broken link


def test_the_rules_by_name(tmp_path: Path) -> None:
    class_folders(tmp_path)
    source = read_dataset(Dataset(source=str(tmp_path)))
    assert tally(source).left_out == {"no image": 5, "hidden": 5, "in no class folder": 1, "a link to a folder": 1}
    text = said(tally(source), source)
    assert "1 in no class folder: loose.png" in text
    assert "5 no image: DICOMDIR, a/x.lock, b/Thumbs.db, ..." in text
    assert "loose" not in said(tally(source))
    assert source.warnings == ["1 folder at the top gives no class: it holds no image that is used"]


def test_slices_that_are_left_out_are_counted(tmp_path: Path) -> None:
    volumes(tmp_path)
    source = read_dataset(Dataset(source=str(tmp_path)))
    counts = tally(source)
    assert (counts.images, counts.empty_slices) == (7, 4)  # 2 of 5 and 4 of 5 slices, and a file that is none
    assert said(counts).endswith("; 4 slices of volumes are left out, nearly all air")


def test_a_file_is_used_where_one_of_its_pictures_is(tmp_path: Path) -> None:
    volumes(tmp_path)
    source = read_dataset(Dataset(source=str(tmp_path)))
    counts = tally(source, ["a/1.nii.gz#1", "b/broken.nii"])
    assert (counts.used, counts.images, counts.refused) == (2, 5, 1)
    assert ", 1 cannot be read" in said(counts)
