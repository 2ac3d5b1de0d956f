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
from foveate.execution.plan import Plan, fitting, make_plan, shortened
from foveate.execution.speed import Speed
from foveate.models import create_model
from foveate.runs import StudyFolder, grid, subjects
from foveate.training.checkpoint import Position, save
from tests.conftest import MakeImages

EVEN = Speed({"resnet18": 100, "resnet18+se": 100})


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


def test_counts_by_hand() -> None:
    plan = make_plan(study(), {"a": 100, "b": 200}, Speed({"resnet18": 100, "resnet18+se": 50}))
    assert plan.runs == 2 * 2 * 3
    # a: 80 x 10 + 20; b: 160 x 50 + 40; times two models and three repeats
    assert plan.images == (820 + 8040) * 6
    # an evaluation in float32 costs as much as training: 820 and 8040 image passes at 100 and at 50 a second
    assert plan.seconds == pytest.approx((820 + 8040) * 3 * (1 / 100 + 1 / 50))


def test_policies_multiply() -> None:
    one = make_plan(study(), {"a": 100}, EVEN)
    two = make_plan(study(policies="paper,clean"), {"a": 100}, EVEN)
    assert (two.runs, two.images) == (2 * one.runs, 2 * one.images)
    assert two.seconds == pytest.approx(2 * one.seconds)


def fit(
    whole: Study, images: dict[str, int], plan: Plan, hours: float, pixels_given: bool = False, epochs: bool = False
) -> tuple[int, int] | None:
    found = fitting(whole, images, plan, hours, pixels_given, epochs)
    assert found is None or found[1].seconds <= 3600 * hours
    return found and (found[0].images.pixels, found[0].epochs("a"))


IMAGES = {"a": 1000}
AT_224 = study(recipe={"epochs": 100, "curve_points": 0}, datasets={"a": {"source": "x"}})


def taking(seconds: float, whole: Study = AT_224) -> Plan:
    """The plan of a study of which e epochs take so many seconds times 4 e + 1."""
    # 6 runs of 800 images an epoch and 200 to evaluate
    return make_plan(whole, IMAGES, Speed(dict.fromkeys(("resnet18", "resnet18+se"), 1200 / seconds)))


def test_what_fits() -> None:
    five_hours = taking(44)
    assert five_hours.seconds == pytest.approx(44 * 401)
    assert fitting(AT_224, IMAGES, five_hours, 5) == (AT_224, five_hours)
    assert fit(AT_224, IMAGES, five_hours, 1) == (224, 20)  # 44 x 81 seconds, of 21 epochs 44 x 85
    # four times as long: at 224 pixels 4 epochs fit; at 160, 1.96/1.25 times as fast, 7; at 128 12; at 100 20
    assert fit(AT_224, IMAGES, taking(176), 1) == (100, 20)
    assert fit(AT_224, IMAGES, taking(44_000), 1) is None


def test_what_fits_counts_the_images_by_which_training_is_watched() -> None:
    watched = study(recipe={"epochs": 100, "curve_points": 10}, datasets={"a": {"source": "x"}})
    # 6 runs of 800 e + (10 + 3) x 200 / 3: 171 x (e + 1.0833) seconds
    plan = make_plan(watched, IMAGES, Speed(dict.fromkeys(("resnet18", "resnet18+se"), 4800 / 171)))
    assert plan.seconds == pytest.approx(171 * (100 + 13 / 12))
    assert fit(watched, IMAGES, plan, 1) == (224, 19)  # 20 would take 3605 seconds, a fifth of the whole 3457


def test_what_fits_replaces_the_data_sets_own_epochs() -> None:
    both, images = study(images={"pixels": 64}), {"a": 100, "b": 100}
    # e epochs of both take 58 x (4 e + 1) seconds: 6 runs of 80 images an epoch and 20 to evaluate
    plan = make_plan(both, images, Speed(dict.fromkeys(("resnet18", "resnet18+se"), 240 / 58)))
    assert plan.seconds == pytest.approx(58 * (4 * 30 + 1))  # 10 epochs and 50
    assert fit(both, images, plan, 1) == (64, 15)
    assert fitting(both, images, plan, 2) == (both, plan)


def test_what_is_given_is_kept() -> None:
    plan = taking(44)
    assert fit(AT_224, IMAGES, plan, 1, epochs=True) == (64, 100)  # 12.25/1.25 times as fast
    assert fit(AT_224, IMAGES, plan, 0.3, epochs=True) is None
    assert fit(AT_224, IMAGES, plan, 1, pixels_given=True) == (224, 20)
    assert fit(AT_224, IMAGES, plan, 0.7, pixels_given=True) is None  # 14 epochs
    assert fit(AT_224, IMAGES, plan, 5, pixels_given=True, epochs=True) == (224, 100)
    assert fit(AT_224, IMAGES, plan, 4.9, pixels_given=True, epochs=True) is None


@pytest.mark.parametrize("given", [(False, False), (True, False), (False, True), (True, True)])
def test_the_least_time(given: tuple[bool, bool]) -> None:
    plan = taking(9)
    least = planning.least_seconds(AT_224, IMAGES, plan, *given) / 3600
    assert fitting(AT_224, IMAGES, plan, least * 1.001, *given) is not None
    assert fitting(AT_224, IMAGES, plan, least * 0.999, *given) is None


def test_pixels_of_ones_own_come_first() -> None:
    at_200 = AT_224.model_copy(update={"images": AT_224.images.model_copy(update={"pixels": 200})})
    assert fit(at_200, IMAGES, taking(8.9, at_200), 1) == (200, 100)
    # at 200 pixels 9 epochs fit; at 160, 1.5625/1.25 times as fast, 12; at 128 19
    assert fit(at_200, IMAGES, taking(88, at_200), 1) == (128, 19)


def test_a_shortened_study_takes_the_time_that_it_was_shortened_to() -> None:
    images = {"a": 100, "b": 200}
    plan = make_plan(study(), images, EVEN)
    own, shorter = shortened(study(), plan, images, 100, 20)
    assert (own.images.pixels, own.epochs("a"), own.epochs("b")) == (100, 20, 20)
    # 80 x 20 + 20 and 160 x 20 + 40, 5.0176 / 1.25 times as fast
    assert shorter.seconds == pytest.approx(((1620 + 3240) / 100) * 6 * 1.25 / 5.0176)
    assert shorter.images == (1620 + 3240) * 6


def test_passes_by_the_time_of_training(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.create(study(datasets={"a": {"source": "x"}}, repeats=1))
    split = folder.data(subjects(folder.study)[0]) / "split.csv"
    runs.write_text(split, "case,part\n1,train\n2,train\n3,validation\n")
    both = grid(folder.study)
    for run in both:
        runs.write_json(folder.run(run) / "run.json", {"seconds": 60, "epochs": 10, "split": "split.csv"})
    # 60 s for 20 images forward and backward: 1 s for one forward; 2 runs, 5 images, 4 passes
    assert planning.passes_seconds(folder, both, 5, 4) == pytest.approx(40)


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
