"""What the verbs tell a person before the work begins."""

from __future__ import annotations

import pytest

from foveate.commands import study as commands
from foveate.config import Study, parse_study
from foveate.execution import plan as planning
from foveate.execution.plan import Plan


@pytest.fixture
def study() -> Study:
    datasets = {"p": {"source": "phantom", "phantom_images": 1000}, "absent": {}}
    return parse_study({"name": "s", "models": ["resnet18", "resnet18+se"], "datasets": datasets})


def planned(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    monkeypatch.setattr(planning, "make_plan", lambda *_: Plan(6, 480_600, hours * 3600))


def test_a_long_plan_on_a_cpu_is_told_with_what_would_fit(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(monkeypatch, hours=5)
    commands._warn_if_long(study, "cpu")
    text = capsys.readouterr().err
    assert "study s: p (1,000 images)" in text
    assert "6 runs = 2 models x 3 repeats x 1 data sets" in text
    assert "480,600 images through a network of 224 pixels; about 5.0 hours on" in text
    assert "left out, no folder given: absent" in text
    assert "to be done in an hour here: --pixels 224 --epochs 20" in text


def test_a_short_one_is_not(study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    planned(monkeypatch, hours=0.9)
    commands._warn_if_long(study, "cpu")
    assert capsys.readouterr().err == ""


def test_nothing_that_fits_is_said_too(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(monkeypatch, hours=10_000)
    commands._warn_if_long(study, "cpu")
    assert "no number of pixels and epochs brings this to an hour" in capsys.readouterr().err
