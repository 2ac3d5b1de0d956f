"""Clients that hold connections and never finish what they ask for.

python -m tests.reading.site.crowd PORT COUNT TRICKLING opens half-open requests, sends a byte a second on each if
TRICKLING is 1, and opens another one for each that the server ends. When it is told something it says what became of
them, as JSON.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BEGUN = b"GET /return HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


@dataclass
class Crowd:
    """Half-open requests to one port."""

    port: int
    held: list[socket.socket] = field(default_factory=list)
    dropped: int = 0  # by the server

    def open(self, count: int, begun: bytes = BEGUN) -> None:
        for _ in range(count):
            own = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            own.sendall(begun)
            own.setblocking(False)
            self.held.append(own)

    def trickle(self) -> int:
        """Send one byte more on each; how many the server has ended since it was last looked."""
        for own in list(self.held):
            try:
                own.send(b"x")
            except OSError:
                self._forget(own)
        return self.look()

    def look(self) -> int:
        """How many the server has ended since the last time."""
        before = len(self.held)
        for own in list(self.held):
            try:
                if not own.recv(4096):
                    self._forget(own)
            except BlockingIOError:
                continue
            except OSError:
                self._forget(own)
        return before - len(self.held)

    def wait_until_dropped(self, count: int) -> None:
        """Raises AssertionError where the server has not ended so many after a minute."""
        end = time.monotonic() + 60
        while self.dropped < count:
            assert time.monotonic() < end, f"{self.dropped} of {count} were dropped, {len(self.held)} are held"
            self.trickle()
            time.sleep(0.05)

    def close(self) -> None:
        for own in self.held:
            own.close()
        self.held.clear()

    def _forget(self, own: socket.socket) -> None:
        own.close()
        self.held.remove(own)
        self.dropped += 1


@contextmanager
def crowd(port: int, files: int) -> Iterator[Crowd]:
    """A crowd, in a process that may open so many files. Raises ValueError where the system does not allow it."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before != resource.RLIM_INFINITY and before < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    own = Crowd(port)
    try:
        yield own
    finally:
        own.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


def main(port: int, count: int, trickling: bool) -> None:
    with crowd(port, count + 64) as many:
        many.open(count)
        print("open", flush=True)
        while not select.select([sys.stdin], [], [], 1.0)[0]:
            ended = many.trickle() if trickling else many.look()
            many.open(ended)
        print(json.dumps({"held": len(many.held), "dropped": many.dropped}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] != "0")
