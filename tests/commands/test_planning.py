"""What the verbs tell a person before the work begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveate.commands import planning
from foveate.config import Study, parse_study
from foveate.data.prepare import prepare, source_of
from foveate.errors import UsageError
from foveate.execution import speed
from foveate.execution.plan import Plan
from foveate.execution.speed import Speed
from foveate.overrides import Overrides
from foveate.runs import StudyFolder, subjects
from tests.conftest import MakeImages


@pytest.fixture
def study() -> Study:
    datasets = {"p": {"source": "phantom", "phantom_images": 1000}, "absent": {}}
    return parse_study({"name": "s", "models": ["resnet18", "resnet18+se"], "datasets": datasets})


def images_a_second(monkeypatch: pytest.MonkeyPatch, speeds: float) -> None:
    monkeypatch.setattr(speed, "measure", lambda *_: Speed({"resnet18": speeds, "resnet18+se": speeds}))


def warned(study: Study, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    there = StudyFolder(folder)
    planning.warn_if_long(study, planning.list_data(study, there), "cpu", there)
    return capsys.readouterr().err


def test_a_long_plan_on_a_cpu_is_told_with_what_would_fit(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # 800 images an epoch and 200 to evaluate in each of 6 runs; the AUC is watched at 10 epochs, and counted at the
    # end, by a third of the cost: 6 x (800 e + (10 + 3) x 200 / 3) / 27, 5 hours for 100 epochs, 3570 s for 19.
    images_a_second(monkeypatch, 27)
    text = warned(study, tmp_path, capsys)
    assert "study s: p (1,000 images)" in text
    assert "6 runs = 2 models x 3 repeats x 1 data set\n" in text
    assert "481,200 images through a network of 224 pixels; about 5.0 hours on" in text
    assert "left out, no folder given: absent" in text
    assert "to be done in an hour here: --pixels 224 --epochs 19\n" in text


def test_a_short_one_is_not(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images_a_second(monkeypatch, 150)  # 0.9 hours
    assert warned(study, tmp_path, capsys) == ""


def test_nothing_that_fits_is_said_too(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images_a_second(monkeypatch, 0.01)
    assert "no number of pixels and epochs brings this to an hour" in warned(study, tmp_path, capsys)


def within(
    study: Study, path: Path, limit: str, pixels: int | None = None, epochs: int | None = None
) -> tuple[Study, Plan | None]:
    given, folder = Overrides(pixels=pixels, epochs=epochs), StudyFolder(path)
    return planning.within(study, planning.list_data(study, folder), given, folder, "cpu", limit)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    images_a_second(monkeypatch, 40)


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


def test_a_time_limit_that_is_long_enough_changes_nothing(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images_a_second(monkeypatch, 40)
    own = study.datasets["p"].model_copy(update={"epochs": 3})
    two = study.model_copy(update={"datasets": {"p": own, "q": study.datasets["p"]}})
    assert within(two, tmp_path, "9h")[0] == two  # p keeps its 3 epochs beside the 100 of q


def test_a_busy_machine_is_said_to_be_one(study: Study, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)

    def text(speeds: Speed) -> str:
        plan = Plan(6, 480_600, 3600, speeds)
        return planning.plan_text(study, plan, planning.list_data(study, folder), "cpu", folder)

    busy = text(Speed({}, busy=3.25, unmeasured=2))
    assert "with nothing else to do" in busy
    assert "while they are, about 3.2 times as long" in busy
    assert "2 models were not timed" in busy
    assert "times as long" not in text(Speed({}, busy=1.2))


def test_sources_are_listed_once_and_not_those_that_were_read(
    make_images: MakeImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"a": {"source": str(make_images(x=5, y=5))}, "p": {"source": "phantom", "phantom_images": 40}, "none": {}}
    study = parse_study({"name": "s", "models": ["resnet18"], "datasets": data, "images": {"pixels": 33}})
    folder = StudyFolder(tmp_path / "out")
    folder.create(study)
    before = planning.list_data(study, folder)
    assert before.counts == {"a": 10, "p": 40}
    assert (list(before.sources), before.read) == (["a"], [])
    (of_a, _) = subjects(study)
    prepare(folder, of_a, source_of(folder, of_a))
    monkeypatch.setattr(planning, "read_dataset", None)  # which is not called any more
    after = planning.list_data(study, folder)
    assert (after.counts, after.sources, after.read) == (before.counts, {}, [of_a])
