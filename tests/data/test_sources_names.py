"""Files of any name that a file system allows are read from every source, or refused by one line that names them."""

from __future__ import annotations

import csv
import json
import os
import sys
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from foveate import runs
from foveate.config.dataset import Dataset
from foveate.data import audit_page, freshness
from foveate.data.examine import audit_folder
from foveate.data.run_audit import write_audit
from foveate.data.sources import Source, open_image, open_path, read_dataset, read_source, said, tally
from foveate.data.sources.source import printable
from foveate.errors import FoveateError
from tests.data.test_prepare import prepared, study_of
from tests.data.test_sources import touch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems allow fewer names")

NASTY = (
    "a b", " a", "new\nline", "return\r", "back\\slash", "up\\..\\up", "C:drive", "#1", "x.png#3", "a.nii.gz#1",
    "m.npz#train", "100%", "%20", "a,b", 'quo"te', "it's", "-rf", "--help", "~", "$HOME", "*?", "\u202egnp", "\u2028",
    "\x85", "\x1b[31mred", "tab\t", "Müller", unicodedata.normalize("NFD", "Hélène"), "画像", "x" * 240, "NA", "null",
    "=1+1", "[bold]x", "{{x}}", "<b>",
)  # fmt: skip
REFUSED_IN_ZIPS = {"up\\..\\up", "C:drive"}  # on another system they would lead out of the archive


def grey(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 40), np.uint8))


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of each name; above some, a folder of each, too."""
    place = tmp_path_factory.mktemp("names") / "data"
    for number, name in enumerate(NASTY):
        folder = place / ("a", "b")[number % 2] / (name if number % 3 == 0 else "")
        folder.mkdir(parents=True, exist_ok=True)
        grey(number).save(folder / f"{name}.png")
    return place


def paths_on_disk(place: Path) -> set[str]:
    return {Path(root, name).relative_to(place).as_posix() for root, _, names in os.walk(place) for name in names}


def shows_what_lies_there(source: Source) -> None:
    for image in source.images:
        want = np.asarray(Image.open(source.folder / image.path))
        assert np.array_equal(open_image(source, image).pixels, want)
        assert np.array_equal(open_path(source.folder, image.path).pixels, want)


def test_any_name_in_a_study(nasty: Path, tmp_path: Path) -> None:
    """In class folders, the manifest, the list of files and the audit."""
    source = read_source(nasty)
    assert {image.path for image in source.images} == paths_on_disk(nasty)
    shows_what_lies_there(source)
    study = prepared(tmp_path / "out", study_of(nasty))
    subject = runs.subjects(study.study)[0]
    place = study.data(subject)
    manifest = pd.read_csv(place / "manifest.csv", dtype=str, keep_default_na=False)
    assert list(manifest["path"]) == [image.path for image in source.images]
    with (place / "manifest.csv").open(newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == list(manifest["path"])
    freshness.refuse_changed(place, read_source(nasty))
    write_audit(study, [subject], source)
    assert (place / "audit.html").is_file()


def test_any_name_in_a_table_with_masks(nasty: Path, tmp_path: Path) -> None:
    names = sorted(paths_on_disk(nasty))
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "label"], *([name, name[0]] for name in names)])
    source = read_dataset(Dataset(source=str(nasty), table=str(tmp_path / "t.csv"), masks=str(nasty)))
    assert [image.path for image in source.images] == names
    assert {image.mask for image in source.images} == {str(nasty / name) for name in names}
    shows_what_lies_there(source)


def test_any_name_in_a_zip(nasty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    names = {
        name for name in paths_on_disk(nasty) if not {"up\\..\\up", "C:drive"} & {Path(name).stem}
    }  # refused there
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        for name in sorted(names):
            archive.write(nasty / name, name)
    source = read_source(tmp_path / "i.zip")
    assert {image.path for image in source.images} == names
    shows_what_lies_there(source)


@pytest.mark.parametrize(
    ("raw", "flag", "name"),
    [
        ("Müller".encode("cp437"), 0, "Müller"),
        ("Müller".encode(), 0, "Müller"),  # macOS does not say that it is UTF-8
        ("Müller".encode(), 0x800, "Müller"),
        ("画像".encode(), 0, "画像"),
    ],
)
def test_names_in_zips_of_other_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, flag: int, name: str
) -> None:
    monkeypatch.setenv("FOVEATE_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
        archive.writestr("a/" + "x" * len(raw) + ".png", b"1")
        archive.writestr("b/2.png", b"2")
    packed = (tmp_path / "i.zip").read_bytes().replace(b"x" * len(raw), raw)
    at = packed.index(b"PK\x01\x02")  # the first entry of the directory: its flags stand 8 bytes on, the file's 6
    packed = (
        packed[:6] + flag.to_bytes(2, "little") + packed[8 : at + 8] + flag.to_bytes(2, "little") + packed[at + 10 :]
    )
    (tmp_path / "i.zip").write_bytes(packed)
    assert [image.path for image in read_source(tmp_path / "i.zip").images] == [f"a/{name}.png", "b/2.png"]


@pytest.mark.parametrize("where", ["a/M\udcfcller.png", "a\udcfc/1.png"])
def test_a_name_that_is_not_utf8_is_one_line(tmp_path: Path, where: str) -> None:
    touch(tmp_path, "a/1.png", "b/2.png", where)
    with pytest.raises(FoveateError, match=r"the name a.*\\xfc.* is not UTF-8.*convmv") as caught:
        read_source(tmp_path)
    assert "\n" not in str(caught.value)
    str(caught.value).encode()  # can be printed


def test_a_name_that_is_not_utf8_and_not_needed_does_not_matter(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/2.png", "notes-\udcfc.txt", "a/x\udcfc.png")
    (tmp_path / "manifest.csv").write_text("path,label\na/1.png,a\nb/2.png,b\n")
    source = read_source(tmp_path)
    assert len(source.images) == 2
    shown = said(tally(source), source)
    assert r"1 no image: notes-\xfc.txt" in shown
    assert r"1 not named by the table: a/x\xfc.png" in shown
    for number, name in enumerate(("a/1.png", "b/2.png")):
        grey(number).save(tmp_path / name)
    audit_page.write_audit(audit_folder(source), tmp_path / "audit")
    assert r"notes-\xfc.txt" in json.loads((tmp_path / "audit" / "audit.json").read_text())["left_out"]
    assert printable("notes-\udcfc.txt\n\u202e") == r"notes-\xfc.txt\n\u202e"


def test_a_file_named_like_a_picture_in_another(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((20, 20), level, np.uint8)) for level in (10, 20)]
    pictures[0].save(tmp_path / "s.tif", save_all=True, append_images=pictures[1:])
    touch(tmp_path, "s.tif#1", "2.png")
    (tmp_path / "manifest.csv").write_text("path,label,frame\ns.tif,a,1\n2.png,b,\n")
    with pytest.raises(FoveateError, match=r"holds a file s\.tif#1, which is also the name of a picture in s\.tif"):
        read_source(tmp_path)


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("000.png", "x/000.PNG"),
        ("000", "x/000.PNG"),
        ("x/000.png", "x/000.PNG"),
        ("X/000.Png", "x/000.PNG"),
        ("hélène.png", f"x/{unicodedata.normalize('NFD', 'Hélène')}.png"),
        (unicodedata.normalize("NFD", "Hélène"), f"x/{unicodedata.normalize('NFC', 'Hélène')}.jpg"),
        ("x\\000.png", "x/000.png"),
    ],
)
def test_other_accents_and_capitals(tmp_path: Path, written: str, there: str) -> None:
    touch(tmp_path, there, "2.png")
    (tmp_path / "t.csv").write_text(f"path,label\n{written},a\n2,b\n")
    source = read_dataset(Dataset(source=str(tmp_path), table=str(tmp_path / "t.csv")))
    assert [image.path for image in source.images] == [there, "2.png"]


@pytest.mark.parametrize(
    ("written", "there", "message"),
    [
        ("A.png", ("y/a.png", "x/A.PNG"), "'A.png' may be x/A.PNG or y/a.png"),
        ("1.dcm", ("x/1.png",), r"not there: 1\.dcm\. x/1\.png is"),
        ("7.png", ("x/007.png",), r"not there: 7\.png\. x/007\.png is"),
    ],
)
def test_what_is_not_clear_is_named(tmp_path: Path, written: str, there: tuple[str, ...], message: str) -> None:
    touch(tmp_path, *there, "2.png")
    (tmp_path / "t.csv").write_text(f"path,label\n{written},a\n2,b\n")
    with pytest.raises(FoveateError, match=message):
        read_dataset(Dataset(source=str(tmp_path), table=str(tmp_path / "t.csv")))


def test_the_name_as_written_comes_first(tmp_path: Path) -> None:
    touch(tmp_path, "A.png", "a.png")
    (tmp_path / "t.csv").write_text("path,label\na.png,a\nA.png,b\n")
    source = read_dataset(Dataset(source=str(tmp_path), table=str(tmp_path / "t.csv")))
    assert [image.path for image in source.images] == ["a.png", "A.png"]


def test_masks_of_any_ending_and_accent(tmp_path: Path) -> None:
    images = touch(tmp_path / "i", "a/1.jpg", "b/Hélène.jpg", "b/3.nii.gz", "b/4")
    (images / "b/4").rename(images / "b/4.png")
    masks = touch(tmp_path / "m", "a/1.PNG", unicodedata.normalize("NFD", "b/Hélène.tif"), "b/3.nii.png", "b/9.png")
    source = read_source(images, masks)
    assert [Path(image.mask).name if image.mask else "" for image in source.images] == [
        "1.PNG", "3.nii.png", "", unicodedata.normalize("NFD", "Hélène.tif"),
    ]  # fmt: skip
    assert source.warnings == ["1 of 4 masks belongs to no image"]
    touch(masks, "b/4.tif", "b/4.bmp")
    with pytest.raises(FoveateError, match=r"'b/4' may be b/4\.bmp or b/4\.tif"):
        read_source(images, masks)


def test_labels_that_look_the_same_are_the_same(tmp_path: Path) -> None:
    forms = [unicodedata.normalize(form, "bénin") for form in ("NFC", "NFD")]
    touch(tmp_path, f"{forms[0]}/1.png", f"{forms[1]}/2.png", "malin/3.png")
    source = read_source(tmp_path)
    assert source.labels == {forms[0]: 2, "malin": 1}
    (warning,) = source.warnings
    assert warning.startswith("1 label is stored in two ways that look the same")
    touch(tmp_path / "n", f"{forms[1]}/1.png", "sain/2.png", "autre/3.png")
    for form in forms:
        merged = read_dataset(Dataset.model_validate({"source": str(tmp_path / "n"), "merge": {"x": [form, "autre"]}}))
        assert merged.labels == {"sain": 1, "x": 2}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=30))
def test_any_bytes_are_printable(name: bytes) -> None:
    shown = printable(os.fsdecode(name))
    assert shown.isprintable()
    shown.encode()
