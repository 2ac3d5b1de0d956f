"""Does a reader study keep every answer under load, and when its server is killed?

For SQLite and, where it is installed, PostgreSQL: 200 sessions that save every 5 s for a minute, their latency (median,
95th percentile, maximum) beside that of a request that stores nothing, measured in the same minute; then all 200 at
once; then 10,000 saves, with SIGKILL to the server in the middle. After each, every acknowledged answer must be in the
database, once. The aim is 500 ms at the 95th percentile. Client, server and database share this machine. It takes
five minutes.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from tests.reading.site import hosting, load
from tests.reading.site.hosting import Server
from tests.reading.site.load import Session

SESSIONS, EVERY, SECONDS, SAVES = 200, 5.0, 60.0, 10_000
AIM = 0.5  # seconds, 95th percentile


def steady(server: Server, sessions: list[Session]) -> list[float]:
    """Everybody saves every 5 s, out of step; the seconds of a request that stores nothing, in between."""
    end = time.perf_counter() + SECONDS
    idle: list[float] = []

    def read() -> None:
        while time.perf_counter() < end:
            started = time.perf_counter()
            urllib.request.urlopen(f"{server.address}/return", timeout=60).close()
            idle.append(time.perf_counter() - started)
            time.sleep(0.5)

    def act(session: Session) -> None:
        time.sleep(random.Random(session.pseudonym).random() * EVERY)
        while time.perf_counter() < end:
            due = time.perf_counter() + EVERY
            session.save(server.port)
            time.sleep(max(0.0, due - time.perf_counter()))

    reader = threading.Thread(target=read)
    reader.start()
    load.all_at_once(sessions, act)
    reader.join()
    return idle


def killed(server: Server, sessions: list[Session]) -> tuple[int, int]:
    """10,000 saves, SIGKILL in the middle, a new start: how many were acknowledged before, and after."""
    each = SAVES // len(sessions)
    before = [session.acknowledged for session in sessions]

    def done() -> int:
        return sum(len(session.seconds) for session in sessions)

    start = done()

    def kill() -> None:
        while done() - start < SAVES // 2:
            time.sleep(0.01)
        server.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    targets = {session.pseudonym: first + each for session, first in zip(sessions, before, strict=True)}

    def act(session: Session) -> None:
        while session.sent < targets[session.pseudonym] and session.save(server.port):
            pass

    def act_all(group: list[Session]) -> None:
        for session in group:
            act(session)

    groups = [sessions[start::20] for start in range(20)]  # twenty at a time, as fast as the server goes
    workers = [threading.Thread(target=act_all, args=(group,)) for group in groups]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    killer.join()
    acknowledged = done() - start
    assert not load.lost(sessions, server.out), load.lost(sessions, server.out)[:5]
    server.start()
    for session in sessions:
        session.save(server.port)
    return acknowledged, done() - start - acknowledged


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100)[share - 1] * 1000


def measure(kind: str, folder: Path) -> None:
    os.environ["FOVEATE_TEST_DATABASE"] = kind
    with hosting.serving(hosting.make_study(folder)) as server:
        sessions = load.enrol(server.out, SESSIONS)
        idle = steady(server, sessions)
        seconds = [second for session in sessions for second in session.seconds]
        refused = sum(len(session.refused) for session in sessions)
        wrong = load.lost(sessions, server.out)
        print(f"{kind}: {len(seconds):,} saves of {SESSIONS} sessions, each every {EVERY:.0f} s for {SECONDS:.0f} s")
        print(
            f"  ms: median {statistics.median(seconds) * 1000:.0f}, 95th percentile {percentile(seconds, 95):.0f}, "
            f"maximum {max(seconds) * 1000:.0f}; a request that stores nothing: median "
            f"{statistics.median(idle) * 1000:.0f}, 95th percentile {percentile(idle, 95):.0f}"
        )
        print(f"  refused {refused}, lost or doubled {len(wrong)}")
        assert not wrong, wrong[:5]
        assert percentile(seconds, 95) < AIM * 1000
        count = len(seconds)
        load.all_at_once(sessions, lambda session: session.save(server.port))
        burst = [second for session in sessions for second in session.seconds]
        last = [session.seconds[-1] for session in sessions]
        wrong = load.lost(sessions, server.out)
        print(
            f"  all {SESSIONS} at once: {len(burst) - count} acknowledged, the slowest after "
            f"{max(last) * 1000:.0f} ms; lost or doubled {len(wrong)}"
        )
        assert not wrong, wrong[:5]
        time.sleep(30)  # the limit of saves a reader fills up again
        acknowledged, after = killed(server, sessions)
        wrong = load.lost(sessions, server.out)
        print(
            f"  SIGKILL among {SAVES:,} saves: {acknowledged:,} were acknowledged before, all of them there; "
            f"{after} after a new start; lost or doubled {len(wrong)}"
        )
        assert not wrong, wrong[:5]


def main() -> None:
    kinds = ["sqlite", *(["postgresql"] if hosting.POSTGRESQL else [])]
    print(f"{os.cpu_count()} processors, {hosting.versions()}")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            measure(kind, Path(folder))


if __name__ == "__main__":
    main()
