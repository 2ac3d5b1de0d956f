"""Runs one after another in this process, until they are done or somebody asks to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import torch

from foveate.execution import worker
from foveate.runs import Run, StudyFolder

Advance = Callable[[int], None]


@contextlib.contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask training to stop at its next step; a second Ctrl-C stops at once.

    Outside the main thread signals cannot be caught: there nothing asks to stop.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler is not None}  # not of another language
    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def carry_out(
    folder: StudyFolder, pending: list[Run], device: torch.device, advance: Advance, announce: Callable[[str], None]
) -> None:
    """Train runs that are not trained, and evaluate each right after, while it is at hand. Raises Interrupted."""
    for run in pending:
        announce(run.key)
        with stop_on_signal() as stop:
            worker.train_run(folder, run, device, advance, stop)
        worker.evaluate_run(folder, run, device, advance)
