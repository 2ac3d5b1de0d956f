"""The data stage on disk: manifest, split, audit and pack say the same and hold the right pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from foveate import runs
from foveate.config import Study, parse_study
from foveate.data.pack import normalisation
from foveate.data.prepare import is_prepared, pack_of, prepare, source_of
from foveate.errors import FoveateError
from foveate.runs import StudyFolder
from tests.conftest import MakeImages


def study_of(folder: Path, **more: Any) -> Study:
    dataset = {"source": str(folder), **more.pop("dataset", {})}
    return parse_study(
        {
            "name": "t",
            "models": ["resnet18"],
            "datasets": {"d": dataset},
            "images": {"pixels": 40},
            "repeats": 1,
            **more,
        }
    )


def prepared(out: Path, study: Study) -> StudyFolder:
    folder = StudyFolder(out)
    folder.create(study)
    for subject in runs.subjects(study):
        prepare(folder, subject, source_of(folder, subject))
    return folder


def test_a_folder_becomes_a_pack(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(normal=20, sick=10)
    folder = prepared(tmp_path / "out", study_of(images))
    (subject,) = runs.subjects(folder.study)
    manifest = pd.read_csv(folder.data(subject) / "manifest.csv", dtype=str)
    split = pd.read_csv(folder.data(subject) / "split.csv", dtype=str)
    pack = pack_of(folder, subject)
    assert pack.index.classes == ["normal", "sick"]
    assert pack.pixels.shape == (30, 40, 40, 1)
    assert list(manifest["case"]) == pack.index.cases
    for row in manifest.itertuples():
        original = np.asarray(Image.open(images / str(row.path)))
        assert np.array_equal(pack.image(str(row.case))[..., 2], original)
        assert row.case == str(row.pixel_hash)[:16]
    assert split["part"].value_counts().to_dict() == {"train": 24, "validation": 6}
    training = [pack.row[case] for case in split["case"][split["part"] == "train"]]
    normalisation = pack.index.normalisation["split.csv"]
    assert normalisation.mean == pytest.approx([pack.pixels[training].mean()] * 3)
    assert normalisation.std == pytest.approx([pack.pixels[training].astype(float).std()] * 3)
    audit = runs.read_json(folder.data(subject) / "audit.json")
    assert audit["parts"] == {"train": {"normal": 16, "sick": 8}, "validation": {"normal": 4, "sick": 2}}
    assert audit["positive_chosen_by"] == "name"


def test_statistics_of_large_bright_squares_are_exact() -> None:
    pixels = np.random.default_rng(0).integers(250, 256, (3, 300, 300, 3), dtype=np.uint8)
    pixels[2] = 0  # of another part
    found, values = normalisation(pixels, [0, 1], 3), pixels[:2].reshape(-1, 3).astype(np.int64)
    mean = values.sum(0) / len(values)
    assert found.mean == mean.tolist()
    assert found.std == np.sqrt((values**2).sum(0) / len(values) - mean**2).tolist()


def test_done_is_done(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=10, b=10)
    folder = prepared(tmp_path / "out", study_of(images))
    (subject,) = runs.subjects(folder.study)
    source = source_of(folder, subject)
    for path in images.rglob("*.png"):
        path.unlink()
    prepare(folder, subject, source)  # reads nothing


def test_colour_and_grey_together(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=10, b=10)
    Image.new("RGB", (40, 40), (200, 10, 30)).save(images / "a" / "colour.png")
    folder = prepared(tmp_path / "out", study_of(images))
    pack = pack_of(folder, runs.subjects(folder.study)[0])
    assert pack.pixels.shape == (21, 40, 40, 3)
    assert len(set(pack.index.normalisation["split.csv"].mean)) == 3
    one = prepared(tmp_path / "one", study_of(images, images={"pixels": 40, "channels": 1}))
    assert pack_of(one, runs.subjects(one.study)[0]).pixels.shape == (21, 40, 40, 1)


def test_duplicates_by_policy(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=20, b=20)
    Image.open(images / "a/0.png").convert("RGB").save(images / "a/copy.bmp")  # same pixels, other file
    Image.open(images / "a/1.png").save(images / "b/conflict.png")
    study = study_of(images, policies=["paper", "clean"])
    folder = prepared(tmp_path / "out", study)
    paper, clean = runs.subjects(study)
    assert (paper.name, clean.name) == ("d@paper", "d@clean")
    parts = [pd.read_csv(folder.data(subject) / "split.csv") for subject in (paper, clean)]
    assert [len(part) for part in parts] == [42, 39]
    duplicates = runs.read_json(folder.data(clean) / "audit.json")["duplicates"]
    assert duplicates["groups"] == 2
    assert duplicates["conflicting_groups"] == 1
    assert duplicates["removed"] == 3
    assert runs.read_json(folder.data(paper) / "audit.json")["duplicates"]["removed"] == 0
    manifest = pd.read_csv(folder.data(paper) / "manifest.csv", dtype=str)
    assert manifest["case"].is_unique
    copy, original = (manifest.set_index("path").loc[path, "case"] for path in ("a/copy.bmp", "a/0.png"))
    assert str(copy) == f"{original!s}-2"


def test_split_by_patient_where_patients_are_known(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=30, b=30)
    rows = [f"{label}/{n}.png,{label},{label}{n // 3}" for label in "ab" for n in range(30)]
    (images / "manifest.csv").write_text("path,label,patient\n" + "\n".join(rows) + "\n")
    folder = prepared(tmp_path / "out", study_of(images))
    place = folder.data(runs.subjects(folder.study)[0])
    table = pd.read_csv(place / "manifest.csv", dtype=str).merge(pd.read_csv(place / "split.csv", dtype=str))
    assert table.groupby("patient")["part"].nunique().max() == 1
    assert runs.read_json(place / "audit.json")["patients"] == 20


def test_repeats_may_differ_in_their_split(make_images: MakeImages, tmp_path: Path) -> None:
    folder = prepared(tmp_path / "out", study_of(make_images(a=20, b=20), repeats=2, repeats_differ_in="split"))
    place = folder.data(runs.subjects(folder.study)[0])
    first, second = ((place / name).read_text() for name in ("split.csv", "split-2.csv"))
    assert first != second
    assert set(pack_of(folder, runs.subjects(folder.study)[0]).index.normalisation) == {
        "split.csv",
        "split-2.csv",
    }


def test_masks_are_packed(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=10, b=10, side=80)
    masks = tmp_path / "masks" / "b"
    masks.mkdir(parents=True)
    lesion = np.zeros((80, 80), dtype=np.uint8)
    lesion[20:40, 40:60] = 1  # values 0 and 1, as some tools write them
    Image.fromarray(lesion).save(masks / "0.png")
    dot = np.zeros((80, 80), dtype=bool)
    dot[11, 11] = True
    Image.fromarray(dot).save(masks / "1.png")
    folder = prepared(tmp_path / "out", study_of(images, dataset={"masks": str(masks.parent)}))
    subject = runs.subjects(folder.study)[0]
    manifest = pd.read_csv(folder.data(subject) / "manifest.csv", dtype=str).set_index("path")
    pack = pack_of(folder, subject)
    expected = np.zeros((40, 40), dtype=bool)
    expected[10:20, 20:30] = True
    mask = pack.mask(str(manifest.loc["b/0.png", "case"]))
    assert mask is not None
    assert np.array_equal(mask, expected)
    smallest = pack.mask(str(manifest.loc["b/1.png", "case"]))
    assert smallest is not None
    assert smallest[5, 5]
    assert smallest.sum() == 1
    assert pack.mask(str(manifest.loc["a/0.png", "case"])) is None


def test_a_mask_of_another_size_is_refused(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=10, b=10)
    (tmp_path / "masks/b").mkdir(parents=True)
    Image.new("1", (30, 40), 1).save(tmp_path / "masks/b/0.png")
    with pytest.raises(FoveateError, match=r"b/0\.png: its mask is 30 x 40 pixels, the image 40 x 40"):
        prepared(tmp_path / "out", study_of(images, dataset={"masks": str(tmp_path / "masks")}))


def test_all_unreadable_images_are_listed_and_nothing_is_written(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=10, b=10)
    (images / "a/text.png").write_text("hello")
    Image.new("L", (1, 1)).save(images / "b/dot.png")
    with pytest.raises(FoveateError) as caught:
        prepared(tmp_path / "out", study_of(images))
    assert "2 of 22 images" in str(caught.value)
    assert "a/text.png: is not an image" in str(caught.value)
    assert "b/dot.png: 1 x 1 pixels" in str(caught.value)
    assert "--skip-unreadable" in str(caught.value)
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["study.yaml"]
    folder = prepared(tmp_path / "out", study_of(images, skip_unreadable=True))
    subject = runs.subjects(folder.study)[0]
    assert is_prepared(folder, subject)
    assert len(runs.read_json(folder.data(subject) / "audit.json")["unreadable"]) == 2
    assert len(pack_of(folder, subject).index.cases) == 20


def test_a_class_of_unreadable_images_only(make_images: MakeImages, tmp_path: Path) -> None:
    images = make_images(a=10, b=1)
    (images / "b/0.png").write_text("hello")
    with pytest.raises(FoveateError, match="no image of the class b in .* can be read"):
        prepared(tmp_path / "out", study_of(images, skip_unreadable=True))
