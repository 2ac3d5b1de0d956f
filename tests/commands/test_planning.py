"""What the verbs tell a person before the work begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.commands import planning
from foveate.config import Study, parse_study
from foveate.errors import UsageError
from foveate.execution import plan as plans
from foveate.execution import speed
from foveate.execution.plan import Plan
from foveate.execution.speed import Speed
from foveate.overrides import Overrides
from foveate.runs import StudyFolder


@pytest.fixture
def study() -> Study:
    datasets = {"p": {"source": "phantom", "phantom_images": 1000}, "absent": {}}
    return parse_study({"name": "s", "models": ["resnet18", "resnet18+se"], "datasets": datasets})


def planned(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    monkeypatch.setattr(speed, "measure", lambda *_: Speed({"resnet18": 1, "resnet18+se": 1}))
    monkeypatch.setattr(plans, "make_plan", lambda *_: Plan(6, 480_600, hours * 3600))


def test_a_long_plan_on_a_cpu_is_told_with_what_would_fit(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(monkeypatch, hours=5)
    planning.warn_if_long(study, "cpu")
    text = capsys.readouterr().err
    assert "study s: p (1,000 images)" in text
    assert "6 runs = 2 models x 3 repeats x 1 data set\n" in text
    assert "480,600 images through a network of 224 pixels; about 5.0 hours on" in text
    assert "left out, no folder given: absent" in text
    assert "to be done in an hour here: --pixels 224 --epochs 20" in text


def test_a_short_one_is_not(study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    planned(monkeypatch, hours=0.9)
    planning.warn_if_long(study, "cpu")
    assert capsys.readouterr().err == ""


def test_nothing_that_fits_is_said_too(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(monkeypatch, hours=10_000)
    planning.warn_if_long(study, "cpu")
    assert "no number of pixels and epochs brings this to an hour" in capsys.readouterr().err


def within(
    study: Study, folder: Path, limit: str, pixels: int | None = None, epochs: int | None = None
) -> tuple[Study, Plan | None]:
    return planning.within(study, Overrides(pixels=pixels, epochs=epochs), StudyFolder(folder), "cpu", limit)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "measure", lambda *_: Speed({"resnet18": 40, "resnet18+se": 40}))


@pytest.mark.usefixtures("fast")
def test_a_time_limit_takes_the_pixels_and_epochs_that_fit(study: Study, tmp_path: Path) -> None:
    own, plan = within(study, tmp_path, "1h")
    assert own.images.pixels == 224
    assert plan is not None
    assert 3300 < plan.seconds <= 3600
    assert own.epochs("p") == own.recipe.epochs < 100
    own, plan = within(study, tmp_path, "20m")
    assert own.images.pixels < 224
    assert plan is not None
    assert plan.seconds <= 1200
    assert "--time-limit 20m: " in planning.chosen(own, plan, "20m")


@pytest.mark.usefixtures("fast")
def test_a_time_limit_keeps_what_is_given(study: Study, tmp_path: Path) -> None:
    pixels = study.model_copy(update={"images": study.images.model_copy(update={"pixels": 96})})
    assert within(pixels, tmp_path, "1h", pixels=96)[0].images.pixels == 96
    assert within(study, tmp_path, "1h", epochs=100)[0].epochs("p") == 100
    with pytest.raises(UsageError, match="6 runs do not fit. They need .* at the least with 100 epochs: give"):
        within(study, tmp_path, "1m", epochs=100)
    with pytest.raises(UsageError, match="They need 3 minutes here at the least: give"):
        within(study, tmp_path, "1m")


def test_a_time_limit_goes_on_with_what_was_chosen(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "measure", None)  # nothing is measured
    update = {"images": study.images.model_copy(update={"pixels": 100})}
    there = study.model_copy(update={**update, "recipe": study.recipe.model_copy(update={"epochs": 17})})
    StudyFolder(tmp_path).create(there)
    own, plan = within(study, tmp_path, "1h")
    assert (own.images.pixels, own.epochs("p"), plan) == (100, 17, None)
    assert planning.chosen(own, plan, "1h") == "--time-limit 1h: 100 pixels and 17 epochs, as in the study's folder"
    assert own == there


def test_a_busy_machine_is_said_to_be_one(study: Study) -> None:
    plan = Plan(6, 480_600, 3600, Speed({}, busy=3.25, unmeasured=2))
    text = planning.plan_text(study, plan, "cpu")
    assert "with nothing else to do" in text
    assert "while they are, about 3.2 times as long" in text
    assert "2 models were not timed" in text
    assert "times as long" not in planning.plan_text(study, Plan(6, 480_600, 3600, Speed({}, busy=1.2)), "cpu")
