"""An audit finds what is wrong with a folder, says it in sentences, and writes nothing into it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from foveate.data import audit_json, audit_words
from foveate.data.audit import find_duplicates
from foveate.data.examine import Audit, audit_folder
from foveate.data.sources import read_source
from foveate.errors import FoveateError, UsageError
from tests.data.pictures import picture, save


def test_duplicates() -> None:
    found = find_duplicates(["x", "y", "x", "z", "y", "x"], ["a", "a", "a", "b", "b", "a"])
    assert found.groups == [[0, 2, 5], [1, 4]]
    assert found.conflicting == [[1, 4]]
    assert found.surplus == 3
    assert found.to_remove() == {2, 5, 1, 4}


def test_none() -> None:
    assert find_duplicates(["x", "y"], ["a", "b"]).to_remove() == set()


def sentences(audit: Audit) -> str:
    return "\n".join(f"{'!' if line.grave else ' '} {line.text}" for line in audit_words.headlines(audit))


def test_a_clean_folder(clean: Path) -> None:
    audit = audit_folder(read_source(clean))
    text = sentences(audit)
    assert "  No picture stands twice among 48 images, not even nearly." in text
    assert "! No patient is named" in text
    assert "  File format, colour mode and size of all images are the same" in text
    assert audit_words.concerns(audit) == []
    assert audit.found.splits == ["train", "test"]


def test_a_bit_of_everything(bad: Path) -> None:
    counted: list[int] = []
    audit = audit_folder(read_source(bad), advance=counted.append)
    assert sum(counted) == 55
    found, text = audit.found, sentences(audit)
    assert len(found.images) == 54
    assert "! 2 of 15 test images are pixel-identical to a training image, 3 identical or nearly so: scores" in text
    assert "! 54 images show 51 different pictures, 50 where nearly identical ones count as one." in text
    assert "! 1 picture stands under more than one label (sick, well): of each, at least one label is in doubt." in text
    assert "! 1 of 55 images cannot be read: train/well/broken.png is not an image" in text
    assert "! 1 image is one colour all over: train/well/blank.png." in text
    assert "  1 image is smaller than 64 pixels: train/well/small.png." in text
    assert (found.files.surplus, found.pixels.surplus, found.near.surplus) == (2, 3, 4)
    assert (found.near.pairs_across_splits, found.near.pairs_across_labels) == (3, 1)
    assert audit_words.concerns(audit) == [
        "3 pictures in more than one part of the shipped split",
        "1 picture under more than one label",
        "1 image that cannot be read",
    ]
    assert len(audit_words.concerns(audit, skip_unreadable=True)) == 2


def test_the_json(bad: Path) -> None:
    told = audit_json.as_json(audit_folder(read_source(bad)))
    assert told["images"] == 55
    assert told["unreadable"] == [["train/well/broken.png", "is not an image, whatever its name says"]]
    assert told["balance"]["test"] == {"sick": 9, "well": 6}
    assert told["duplicates"]["identical_or_near"]["pairs_across_splits"] == 3
    assert told["repeated"][0]["identical_by_label"] == {"sick": 2}
    kinds = {entry["images"][0]["path"]: entry["kind"] for entry in told["clusters"]}
    assert kinds["test/sick/compressed.jpg"] == "near"
    assert kinds["test/sick/again.png"] == "identical"
    clash = next(entry for entry in told["clusters"] if len(entry["labels"]) == 2)
    assert [image["path"] for image in clash["images"]] == ["train/sick/9.png", "train/well/9.png"]
    assert told["ignored_files"] == 1
    assert set(told["versions"]) >= {"foveate", "pillow", "scikit-learn"}


def write_manifest(place: Path, header: str, *lines: str) -> Path:
    (place / "manifest.csv").write_text("\n".join([header, *lines]) + "\n")
    return place


def test_patients_and_other_keys(tmp_path: Path) -> None:
    for seed in range(6):
        save(picture(seed), tmp_path / f"{seed}.png")
    save(picture(0), tmp_path / "6.png")
    write_manifest(
        tmp_path,
        "path,label,split,patient,person,lesion_id,age",
        "0.png,a,train,p1,1,,30",
        "1.png,a,test,p2,1,,30",
        "2.png,b,train,p3,3,,30",
        "3.png,b,test,p3,3,,30",
        "4.png,b,val,,4,,30",
        "5.png,a,val,p5,5,,30",
        "6.png,a,train,p6,1,,30",
    )
    audit = audit_folder(read_source(tmp_path))
    assert [(one.column, one.ids, one.images, one.both_sides) for one in audit.found.identities] == [
        ("patient", 5, 6, ["p3"]),
        ("person", 4, 7, ["1", "3"]),
    ]
    text = sentences(audit)
    assert "! 1 of 5 patients has images in more than one part of the shipped split: scores on it are too good." in text
    assert "By the column person, 2 of 4 would have images in more than one part" in text
    assert "! 1 pair of identical images is said to be of two different patients: at least one key is wrong." in text
    assert audit_words.concerns(audit) == ["1 patient in more than one part of the shipped split"]


def test_what_a_manifest_records_of_the_originals(clean: Path, tmp_path: Path) -> None:
    source = read_source(clean)
    place = tmp_path / "recorded"
    shutil.copytree(clean, place)
    lines = [f"{image.path},{image.label},{512 if image.label == 'sick' else 640},512,L,PNG" for image in source.images]
    audit = audit_folder(read_source(write_manifest(place, "path,label,width,height,mode,format", *lines)))
    assert audit.found.recorded is not None
    size = next(fact for fact in audit.found.recorded.facts if fact.name == "size")
    assert size.cramers_v == pytest.approx(1)
    assert "! Size in pixels of the originals, which manifest.csv records, gives the label away" in sentences(audit)
    own = [f"{image.path},{image.label},200,180,L,PNG" for image in source.images]
    whole = write_manifest(place, "path,label,width,height,mode,format", *own)
    assert audit_folder(read_source(whole)).found.recorded is None  # nothing that the files do not say
    gaps = [f"{image.path},{image.label},,?,," for image in source.images]
    assert (
        audit_folder(read_source(write_manifest(place, "path,label,width,height,mode,format", *gaps))).found.recorded
        is None
    )


def test_a_site_that_is_the_label(clean: Path, tmp_path: Path) -> None:
    place = tmp_path / "sites"
    shutil.copytree(clean, place)
    lines = [f"{image.path},{image.label},{'AB'[image.label == 'sick']}" for image in read_source(clean).images]
    audit = audit_folder(read_source(write_manifest(place, "path,label,site", *lines)))
    assert "! The site that an image is from tells the label: AUC 100.0 % (87.5 to 100.0)" in sentences(audit)
    site = audit.found.shortcuts.facts[-1]
    assert site.name == "site"
    assert site.cramers_v == pytest.approx(1)
    assert audit.found.shortcuts.file.same  # a site is no fact of the file


def test_masks(clean: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    shade = {"1": 255, "2": 0}
    for name, value in shade.items():
        save(Image.new("L", (200, 180), value), masks / "train" / "sick" / f"{name}.png")
    save(Image.new("L", (20, 20), 255), masks / "train" / "sick" / "3.png")
    audit = audit_folder(read_source(clean, masks))
    assert audit.masks.images == 3
    assert audit.masks.empty == ["train/sick/2.png"]
    assert audit.masks.unusable == [("train/sick/3.png", "is 20 x 20 pixels, the image 200 x 180")]
    said = sentences(audit)
    assert "! 1 of 3 masks cannot be used: that of train/sick/3.png is 20 x 20 pixels, the image 200 x 180." in said
    assert "! 1 of 3 masks is empty: that of train/sick/2.png." in said
    assert audit.masks.inverted == ["train/sick/1.png"]  # white all over
    assert "! 1 of 3 masks covers more than half of the image and its border" in said
    assert audit_words.concerns(audit) == ["1 mask that cannot be used"]


def test_positive_labels_make_two_classes(tmp_path: Path) -> None:
    for seed in range(18):
        save(picture(seed, 200 + 40 * (seed % 3 == 0)), tmp_path / "abc"[seed % 3] / f"{seed}.png")
    audit = audit_folder(read_source(tmp_path), ["b", "c"])
    assert audit.classes == {"a": ["a"], "b+c": ["b", "c"]}
    assert set(audit.found.outcome) == {"a", "b+c"}
    with pytest.raises(UsageError, match="has no class 'd'"):
        audit_folder(read_source(tmp_path), ["d"])


def test_no_image_that_can_be_read(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.png").write_text("")
    with pytest.raises(FoveateError, match="none of the 2 images"):
        audit_folder(read_source(tmp_path))


@pytest.mark.shared_data
def test_the_brain_images(shared: Path) -> None:
    found = audit_folder(read_source(shared / "data" / "mri", shared / "data" / "masks-mri")).found
    (repeated,) = found.repeated
    assert len(found.images) - found.pixels.surplus == 2870
    assert (repeated.images, len(repeated.identical), len(repeated.near)) == (394, 251, 259)
    by_label = [found.images[row].label for row in repeated.identical]
    labels = ("no_tumor", "meningioma_tumor", "pituitary_tumor", "glioma_tumor")
    assert [by_label.count(label) for label in labels] == [105, 106, 22, 18]
    clash = [
        found.images[row].path for cluster in found.twins.near if len(found.labels_of(cluster)) > 1 for row in cluster
    ]
    assert {"Testing/glioma_tumor/image(48).jpg", "Testing/glioma_tumor/image(2).jpg"} <= set(clash)
    assert not found.patients.ids


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "patients"), [("ct", 384), ("skin", 0)])
def test_sets_without_duplicates(shared: Path, name: str, patients: int) -> None:
    audit = audit_folder(read_source(shared / "data" / name))
    assert audit.found.near.clusters == 0
    assert audit.found.patients.ids == patients
    assert audit_words.concerns(audit) == []
