"""The plan counts what the study will do, and offers what fits into the time there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from foveate import runs
from foveate.config import Study, parse_study
from foveate.data.prepare import prepare, source_of
from foveate.execution import plan as planning
from foveate.execution.plan import Plan, fitting, make_plan
from foveate.models import create_model
from foveate.runs import StudyFolder, grid, subjects
from foveate.training.checkpoint import Position, save
from tests.conftest import MakeImages

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
    assert (two.runs, two.images) == (2 * one.runs, 2 * one.images)
    assert two.seconds == pytest.approx(2 * one.seconds)


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
    small = study(models={"resnet18": {}, "resnet18+botnet": {}}, images={"pixels": 40})
    for name in small.models:  # BoTNet is made for one size of image
        assert planning.images_per_second(small, name, CPU, "float32") > 1


def test_work_that_is_left(make_images: MakeImages, tmp_path: Path) -> None:
    small = study(datasets={"a": {"source": str(make_images(x=10, y=10))}}, images={"pixels": 40}, repeats=1)
    folder = StudyFolder(tmp_path / "out")
    folder.create(small)
    (subject,) = subjects(small)
    # 2 runs of 10 epochs of 16 images and 4 to evaluate; 20 images to decode at a tenth
    before = planning.work(folder, {subject: 20})
    assert before.total == pytest.approx(2 * 164 + 2)
    assert before.done == 0
    prepare(folder, subject, source_of(folder, subject))
    after = planning.work(folder, {})
    assert after.total == before.total
    assert after.done == pytest.approx(2)
    model = create_model("resnet18")
    run = grid(small)[0]
    (folder.run(run)).mkdir(parents=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    save(folder.run(run) / "checkpoint.pt", model, optimizer, Position(epoch=3, step=0))
    assert planning.work(folder, {}).done == pytest.approx(2 + 3 * 16)
    runs.write_text(folder.run(run) / "weights.safetensors", "")
    assert planning.work(folder, {}).done == pytest.approx(2 + 164)
