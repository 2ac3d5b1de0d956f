"""The plan counts what the study will do, and offers what fits into the time there is."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from foveate.config import Study, parse_study
from foveate.execution import plan as planning
from foveate.execution.plan import Plan, fitting, make_plan

CPU = torch.device("cpu")


def study(**more: Any) -> Study:
    datasets = {"a": {"source": "x"}, "b": {"source": "y", "epochs": 50}}
    recipe = {"epochs": 10, "curve_points": 0}
    return parse_study(
        {
            "name": "s",
            "models": ["resnet18", "resnet18+se"],
            "repeats": 3,
            "datasets": datasets,
            "recipe": recipe,
            **more,
        }
    )


def test_counts_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        planning, "images_per_second", lambda study, model, *rest: {"resnet18": 100, "resnet18+se": 50}[model]
    )
    plan = make_plan(study(), {"a": 100, "b": 200}, CPU, "float32")
    assert plan.runs == 2 * 2 * 3
    # a: 80 x 10 + 20; b: 160 x 50 + 40; times two models and three repeats
    assert plan.images == (820 + 8040) * 6
    # an evaluation in float32 costs as much as training: 820 and 8040 image passes at 100 and at 50 a second
    assert plan.seconds == pytest.approx((820 + 8040) * 3 * (1 / 100 + 1 / 50))


def test_policies_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "images_per_second", lambda *_: 100.0)
    one = make_plan(study(), {"a": 100}, CPU, "float32")
    two = make_plan(study(policies="paper,clean"), {"a": 100}, CPU, "float32")
    assert (two.runs, two.images, two.seconds) == (2 * one.runs, 2 * one.images, pytest.approx(2 * one.seconds))


def test_what_fits() -> None:
    at_224 = study(recipe={"epochs": 100}, datasets={"a": {"source": "x"}})
    images = {"a": 1000}
    assert fitting(at_224, images, Plan(1, 1, seconds=3600), 2) == (224, 100)
    assert fitting(at_224, images, Plan(1, 1, seconds=5 * 3600), 1) == (224, 20)
    # 20 hours at 224 pixels: 5 epochs fit; at 160, 1.96/1.25 times as fast, 7; at 128 12; at 100 20
    assert fitting(at_224, images, Plan(1, 1, seconds=20 * 3600), 1) == (100, 20)
    assert fitting(at_224, images, Plan(1, 1, seconds=5000 * 3600), 1) is None


def test_what_fits_replaces_the_data_sets_own_epochs() -> None:
    # 100 images for 10 epochs and 100 for 50: an epoch of both is a thirtieth of the whole.
    both = study(images={"pixels": 64}, recipe={"epochs": 10})
    assert fitting(both, {"a": 100, "b": 100}, Plan(1, 1, seconds=2 * 3600), 1) == (64, 15)


def test_speed_is_measured() -> None:
    small = study(images={"pixels": 40})
    assert planning.images_per_second(small, "resnet18", CPU, "float32") > 1
