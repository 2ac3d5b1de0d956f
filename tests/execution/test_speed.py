"""Speeds are measured within a budget, and by work instead of by the clock."""

from __future__ import annotations

import time

import pytest
import torch

from foveate.config import Study, parse_study
from foveate.execution import speed
from foveate.execution.speed import measure
from foveate.training import acceleration

CPU = torch.device("cpu")


def study(*models: str, pixels: int = 40) -> Study:
    datasets = {"a": {"source": "x"}}
    return parse_study({"name": "s", "models": list(models), "datasets": datasets, "images": {"pixels": pixels}})


def test_every_model_is_measured_and_the_threads_are_as_before() -> None:
    threads = torch.get_num_threads()
    found = measure(study("resnet18", "resnet18+botnet"), CPU, "float32")  # BoTNet is made for one size of image
    assert found.images_per_second.keys() == {"resnet18", "resnet18+botnet"}
    assert min(found.images_per_second.values()) > 1
    assert found.unmeasured == 0
    assert torch.get_num_threads() == threads


def test_a_busy_machine_changes_nothing_but_the_word_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that runs five times as fast as work is done, as where others have four fifths of the CPU."""
    work = {"now": 0.0}

    def step(*_: object) -> float:
        work["now"] += 0.8
        return 0.0

    monkeypatch.setattr(speed, "training_step", step)
    monkeypatch.setattr(time, "process_time", lambda: work["now"])
    monkeypatch.setattr(time, "perf_counter", lambda: 5 * work["now"])
    monkeypatch.setattr(acceleration, "default_threads", lambda: 1)
    found = measure(study("resnet18", "resnet18+se"), CPU, "float32", budget=1000)
    assert found.images_per_second == pytest.approx({"resnet18": 5, "resnet18+se": 5})  # 4 images in 0.8 s
    assert found.busy == pytest.approx(5)


def test_models_are_compared_at_fewer_pixels_where_their_own_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []

    def best(study: Study, name: str, *_: object) -> speed._Step:
        seen.append((name, study.images.pixels))
        return speed._Step(1.0, 1.0)  # a second an image at 224 pixels

    monkeypatch.setattr(speed, "_best", best)
    two = study("resnet18", "resnet18+se", pixels=224)
    measure(two, CPU, "float32", budget=9)  # 4.5 s for each, 4 images take 4
    assert seen == [("resnet18", 224), ("resnet18", 224), ("resnet18+se", 224)]
    seen.clear()
    measure(two, CPU, "float32", budget=3)  # 1.5 s for each: 4 x (128/224)^2 is 1.3
    assert seen == [("resnet18", 224), ("resnet18", 128), ("resnet18+se", 128)]
    seen.clear()
    measure(study("resnet18", pixels=224), CPU, "float32")
    assert seen == [("resnet18", 224)]


def test_what_there_is_no_time_for_counts_as_the_slowest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_best", lambda study, name, *_: speed._Step(2.0 if "se" in name else 1.0, 1.0))
    clock = iter([0, 1, 16, 17])  # the start, behind the first model, before the third of those that are compared
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    asked = study("resnet18", "resnet18+se", "resnet18+cbam", "resnet18+gc").model_copy(update={"threads": 1})
    found = measure(asked, CPU, "float32")
    assert [found.images_per_second[name] for name in asked.models] == [1.0, 0.5, 0.5, 0.5]
    assert found.unmeasured == 2
