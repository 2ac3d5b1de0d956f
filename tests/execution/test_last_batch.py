"""A last batch of one image is told before training, where a model cannot train on it."""

from __future__ import annotations

import pytest

from foveate.config import Study, parse_study
from foveate.execution.last_batch import problem


def study(*models: str, batch: int = 64) -> Study:
    return parse_study(
        {
            "name": "s",
            "models": list(models),
            "datasets": {"a": {"source": "x"}},
            "images": {"pixels": 40},
            "recipe": {"batch_size": batch},
        }
    )


def test_the_model_and_a_size_that_fits_are_named() -> None:
    said = problem(study("resnet18", "resnet18+bam"), {"a": {65}})
    assert said == (
        "65 training images of a leave one for the last batch of 64, and resnet18+bam cannot train on a batch of one: "
        "set recipe.batch_size to another number, such as 63, in the study's YAML file"
    )


@pytest.mark.parametrize("mechanism", ["bam", "srm", "selective_kernel"])
def test_those_that_cannot(mechanism: str) -> None:
    assert mechanism in problem(study(f"resnet18+{mechanism}"), {"a": {64, 65}})


def test_every_data_set_and_split_is_looked_at() -> None:
    # 127 images leave one of 63, of 42, ...; 125 one of 62, of 31, ...: the next smaller size without is 61
    sizes = {"a@clean": {129, 127}, "b": {125}}
    said = problem(study("resnet18+bam"), sizes)
    assert said.startswith("129 training images of a@clean")
    assert "such as 61," in said


def test_nothing_is_wrong_with_others() -> None:
    assert problem(study("resnet18", "resnet18+cbam"), {"a": {65}}) == ""
    assert problem(study("resnet18+bam"), {"a": {64, 66}}) == ""
    assert problem(study("resnet18+bam"), {}) == ""
