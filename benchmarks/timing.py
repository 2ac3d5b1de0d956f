"""How the benchmarks measure: two ways of doing one thing, by turns, in one process."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable

import torch


def by_turns(
    ours: Callable[[], object], reference: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of each, measured by turns after one warm-up each, so that a noisy machine disturbs both alike."""
    ours(), reference()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for action, own in zip((ours, reference), times, strict=True):
            started = time.perf_counter()
            action()
            own.append(time.perf_counter() - started)
    return times


def summary(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def conditions() -> str:
    """The machine and the versions that a figure belongs to."""
    abilities = dict(torch.cpu.get_capabilities())
    return (
        f"{abilities.get('cpu_name', platform.machine())}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
