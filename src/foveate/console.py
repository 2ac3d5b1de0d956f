"""What a person sees while foveate works: sentences, one progress bar, and errors without tracebacks."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from foveate.errors import FoveateError, Interrupted
from foveate.execution.duration import duration

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
_EVERY = 30.0  # seconds between two lines of a log


@dataclass
class Bar:
    """One bar for a whole study, with the time left; sentences stand above it. In a log, a line now and then."""

    progress: Progress
    task: TaskID = field(init=False)
    said: float = field(init=False)  # when something was written last

    def __post_init__(self) -> None:
        self.task = self.progress.add_task("starting", total=None)
        self.said = time.monotonic()

    def start(self, total: float, done: float) -> None:
        self.progress.update(self.task, total=total, completed=done)

    def advance(self, images: float) -> None:
        self.progress.advance(self.task, images)
        if self.progress.disable and time.monotonic() - self.said >= _EVERY:
            self._say(_counts(self.progress.tasks[self.task]))

    def announce(self, what: str) -> None:
        self.progress.update(self.task, description=what)
        if self.progress.disable:  # a log has no bar: a line for each run instead
            self._say(what)

    def note(self, sentence: str) -> None:
        self._say(sentence)

    def _say(self, line: str) -> None:
        self.progress.console.print(line, markup=False)
        self.said = time.monotonic()


def _counts(task: Task) -> str:
    """What is done, of how much, and when all will be: mri/resnet18/1: 1,200 of 9,600 images, 12 %, ..."""
    done, total, left = task.completed, task.total, task.time_remaining
    of = f" of {total:,.0f}, {100 * done / total:.0f} %" if total else ""
    when = "" if left is None else f", about {duration(left)} left"
    return f"{task.description}: {done:,.0f}{of}{when}"


@contextlib.contextmanager
def bar(quiet: bool) -> Iterator[Bar]:
    """A bar on the terminal's error stream; with `quiet`, none and no sentences either."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=quiet)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    seen = console.is_terminal or (console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None)
    with Progress(*columns, console=console, disable=quiet or not seen, speed_estimate_period=120) as it:
        yield Bar(it)


@contextlib.contextmanager
def errors_for_people(resume: str = "") -> Iterator[None]:
    """Errors become a line or two and an exit status; an interrupt says how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        again = f"Go on with: {resume}" if resume else "Start the same command again to go on."
        err.print(f"stopped; what is done is kept. {again}", markup=False)
        raise SystemExit(1) from None
    except FoveateError as error:
        err.print(f"error: {error}", markup=False)
        raise SystemExit(error.exit_status) from None
