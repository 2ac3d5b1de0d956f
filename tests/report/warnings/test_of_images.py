"""What a list of images tells before any is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foveate.config import Study, parse_study
from foveate.data.sources import Source, SourceImage
from foveate.report.warnings.collect import before_training


def study(**more: Any) -> Study:
    plain = {"name": "s", "models": ["resnet18"], "datasets": {"d": {"source": "/d"}}, "images": {"pixels": 128}}
    return parse_study(plain | more)


def source(labels: dict[str, int], patient: str = "", burned_in: int = 0) -> Source:
    names = [label for label, count in labels.items() for _ in range(count)]
    images = [SourceImage(f"{row}.png", label, patient=patient) for row, label in enumerate(names)]
    return Source(Path("/d"), images, burned_in=burned_in)


def said(asked: Study, listed: Source) -> dict[str, str]:
    return {own.key: own.sentence for own in before_training(asked, {"d": listed}) if own.weight != "limit"}


def test_a_guessed_disease_unknown_patients_and_few_images_are_told() -> None:
    found = said(study(), source({"cat": 60, "dog": 200}, burned_in=2))
    assert list(found) == ["positive_by_alphabet", "patients_unknown", "few_images", "burned_in_texts"]
    assert found["positive_by_alphabet"].endswith("by the alphabet, since neither name tells: dog.")
    assert "about 12 validation images of the class cat;" in found["few_images"]
    assert found["burned_in_texts"].startswith("2 DICOM files say that texts are burned into the pixels")


def test_nothing_is_said_where_all_is_known() -> None:
    known = study(datasets={"d": {"source": "/d", "positive": ["dog"]}})
    assert said(known, source({"cat": 200, "dog": 200}, patient="p")) == {}


def test_names_that_tell_are_a_lighter_guess() -> None:
    found = said(study(), source({"benign": 200, "malignant": 200}, patient="p"))
    assert found == {
        "positive_by_name": "Which class is the disease was chosen by the names of the classes: malignant."
    }


def test_each_class_names_all_that_count_as_disease() -> None:
    each = study(datasets={"d": {"source": "/d", "each_class": True}})
    found = said(each, source({"glioma": 200, "normal": 200, "pituitary": 200}, patient="p"))
    assert found["positive_by_name"].endswith("glioma and pituitary.")


def test_few_images_are_not_foretold_for_splits_that_are_not_drawn_here() -> None:
    folds = study(repeats_differ_in="folds")
    assert "few_images" not in said(folds, source({"cat": 60, "dog": 60}))
    assert "few_images" not in said(study(policies=["shipped"]), source({"cat": 60, "dog": 60}))


def test_what_the_study_alone_tells() -> None:
    poor = study(images={"pixels": 64}, repeats=1, recipe={"report_epoch": "best"})
    found = {own.key: own for own in before_training(poor, {})}
    assert list(found) == ["best_epoch", "coarse_maps", "one_run", "one_data_set", "no_external_validation"]
    assert "2 × 2 values" in found["coarse_maps"].sentence
    assert "--pixels 128" in found["coarse_maps"].remedy


def test_sites_are_not_called_the_same_images() -> None:
    (outside,) = [own for own in before_training(study(repeats_differ_in="sites"), {}) if "external" in own.key]
    assert outside.sentence == ("No external validation: the sites that were left out are of the same data set.")
