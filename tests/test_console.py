"""Progress in a terminal and in a log."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console
from rich.progress import Progress

from foveate import console
from foveate.console import Bar


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_each_half_minute_with_counts_and_the_time_left(clock: list[float]) -> None:
    text = io.StringIO()
    progress = Progress(console=Console(file=text, highlight=False), disable=True, get_time=lambda: clock[0])
    bar = Bar(progress)
    bar.announce("mri/[resnet18]/1")
    bar.start(1000, 0)
    for _ in range(7):  # 10 images each 10 seconds
        clock[0] += 10
        bar.advance(10)
    lines = text.getvalue().splitlines()
    assert lines == [
        "mri/[resnet18]/1",
        "mri/[resnet18]/1: 30 of 1,000, 3 %, about 16 minutes left",
        "mri/[resnet18]/1: 60 of 1,000, 6 %, about 16 minutes left",
    ]
    bar.note("a sentence [so]")
    assert text.getvalue().endswith("a sentence [so]\n")
    assert "\x1b" not in text.getvalue()


def test_without_a_total_the_count_is_told(clock: list[float]) -> None:
    text = io.StringIO()
    bar = Bar(Progress(console=Console(file=text), disable=True, get_time=lambda: clock[0]))
    clock[0] += 31
    bar.advance(5)
    assert text.getvalue() == "starting: 5\n"


def test_elapsed_and_left_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    own = Console(file=text, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(console, "Console", lambda **_: own)
    with console.bar(quiet=False) as bar:
        bar.start(10, 0)
        bar.advance(5)
    plain = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", text.getvalue())
    assert re.search(r"\d:\d\d:\d\d elapsed, +\S+ left", plain)
