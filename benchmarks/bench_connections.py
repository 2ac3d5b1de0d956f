"""Does a reader study answer while somebody holds its connections open?

Half-open requests, and requests that trickle a byte a second, each replaced when the server ends it; meanwhile a static
file, a page for everybody and a signed-in page are asked for in turn, on a new connection each. The aim is an answer
within a second. Clients, server and database share this machine. It takes five minutes.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.reading.site import hosting, load

SECONDS, EVERY = 45.0, 0.1  # longer than a request may take: 30 s
CROWDS = ((0, False), (500, False), (1000, False), (1500, False), (4000, False), (1000, True), (1500, True))
PAGES = ("/static/reading/style.css", "/return", "/steps")
AIM = 1.0  # seconds


@dataclass
class Answers:
    """What was asked while a crowd was there."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def ask(self, port: int, path: str, cookie: str) -> None:
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            good = answer.status == 200
        except (OSError, http.client.HTTPException):
            good = False
        finally:
            connection.close()
        if good:
            self.seconds.append(time.perf_counter() - started)
        else:
            self.failed += 1


@contextmanager
def crowd(port: int, count: int, trickling: bool) -> Iterator[dict[str, int]]:
    """In a process of its own, so that it takes no time from who asks; filled with what became of it."""
    command = [sys.executable, "-m", "tests.reading.site.crowd", str(port), str(count), str(int(trickling))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    found: dict[str, int] = {}
    yield found
    told, _ = process.communicate("end\n")
    found |= json.loads(told)


def measure(port: int, cookie: str, count: int, trickling: bool) -> None:
    answers = Answers()
    with crowd(port, count, trickling) as found:
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            for path in PAGES:
                answers.ask(port, path, cookie)
                time.sleep(EVERY)
    kind = "trickling" if trickling else "half-open"
    ms = [1000 * second for second in answers.seconds]
    print(
        f"| {count:,} {kind} | {found['dropped']:,} | {len(ms):,} | {answers.failed} | {statistics.median(ms):.0f}, "
        f"{statistics.quantiles(ms, n=100)[94]:.0f}, {max(ms):.0f} | {sum(own <= 1000 * AIM for own in ms):,} |"
    )


def main() -> None:
    print(f"{os.cpu_count()} processors, {hosting.versions()}, load {os.getloadavg()[0]:.1f}")
    print("| held | ended by the server | answered | not answered | median, 95th, maximum ms | within a second |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, hosting.serving(hosting.make_study(Path(folder))) as server:
        (session,) = load.enrol(server.out, 1)
        for count, trickling in (*CROWDS, CROWDS[0]):
            measure(server.port, f"foveate={session.session}", count, trickling)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
