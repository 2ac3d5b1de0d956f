"""Password checks take turns: each costs a tenth of a second and 100 MB by design, which many at once would use up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from foveate.reading.site import throttle

LONGEST_WAIT = 10.0  # seconds


class Line:
    """One check at a time; at most `places` threads are in the line, the one whose turn it is among them."""

    def __init__(self, places: int, pace: float = 0) -> None:
        self.pace = pace  # seconds that a turn takes at least, if the password was wrong
        self._places = threading.BoundedSemaphore(places)
        self._turn = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for it. Raises throttle.TooOftenError where the line is full, or does not move."""
        if not self._places.acquire(blocking=False):
            raise throttle.TooOftenError
        try:
            if not self._turn.acquire(timeout=LONGEST_WAIT):
                raise throttle.TooOftenError
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()

    def linger(self, since: float) -> None:
        """Within a turn that began at `since` (time.monotonic): keep those behind waiting."""
        time.sleep(max(0.0, since + self.pace - time.monotonic()))


# Seven of the server's eight threads at most, of which strangers can take five.
KNOWN = Line(2)  # administrators who are signed in, and browsers in which they were
STRANGERS = Line(3)
LATE = Line(2, pace=1)  # those whose failures are used up
