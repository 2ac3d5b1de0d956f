"""Many readers who save at the same time, over HTTP, and what the database holds afterwards."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

_CSRF = "a" * 32


@dataclass
class Session:
    """One reader's browser at the first step: each save writes the next number into the text."""

    pseudonym: str
    session: str
    page: str
    acknowledged: int = 0  # the last number that the server said it has
    sent: int = 0
    refused: list[int] = field(default_factory=list)  # HTTP statuses that were not 200
    seconds: list[float] = field(default_factory=list)  # of each acknowledged save
    words: str = ""  # before what the text says anyway

    def save(self, port: int, timeout: float = 60) -> bool:
        """Send the next number; True where the server acknowledged it. A connection that breaks is no answer."""
        self.sent += 1
        body = urllib.parse.urlencode(
            {
                "csrfmiddlewaretoken": _CSRF,
                "page": self.page,
                "sequence": self.sent,
                "active": 1000,
                "choice": "A",
                "description": f"{self.words}{self.pseudonym}: {self.sent}",
            }
        )
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"foveate={self.session}; foveate-csrf={_CSRF}",
            "X-Requested-With": "fetch",
        }
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request("POST", "/step/1", body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if answer.status != 200:
            self.refused.append(answer.status)
            return False
        assert json.loads(data)["saved"] == self.sent
        self.acknowledged = self.sent
        self.seconds.append(time.perf_counter() - started)
        return True


def _module(name: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", f"tests.reading.site.{name}", *map(str, arguments)]
    root = Path(__file__).parents[3]
    return subprocess.run(command, check=True, text=True, capture_output=True, cwd=root).stdout


def enrol(out: Path, count: int) -> list[Session]:
    """Readers with sessions, in the database of this study."""
    return [Session(**found) for found in json.loads(_module("enrol_many", out / "reading", str(count)))]


def invite(out: Path, address: str, pseudonyms: Iterable[str]) -> dict[str, str]:
    """Links by pseudonym, all in one process: the command line takes a second or two for each."""
    tokens = json.loads(_module("enrol_many", out / "reading", *pseudonyms))
    return {name: f"{address}/invitation/{token}" for name, token in tokens.items()}


def confirm(out: Path) -> None:
    """What an administrator does after looking through the images."""
    _module("enrol_many", out / "reading", "0")


def expire(out: Path, pseudonym: str) -> None:
    """Let a reader's link be out of date."""
    _module("enrol_many", out / "reading", "expire", pseudonym)


def stored(out: Path) -> dict[str, dict[str, tuple[str, int]]]:
    """pseudonym -> question -> (value, revisions), of the first step."""
    found = json.loads(_module("stored", out / "reading"))
    return {name: {question: tuple(pair) for question, pair in own.items()} for name, own in found.items()}


def all_at_once(sessions: Iterable[Session], act: Callable[[Session], object]) -> None:
    """Let every session act in a thread of its own, all from the same moment on."""
    sessions = list(sessions)
    gate = threading.Barrier(len(sessions))

    def run(session: Session) -> None:
        gate.wait()
        act(session)

    threads = [threading.Thread(target=run, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lost(sessions: Iterable[Session], out: Path) -> list[str]:
    """What was acknowledged and is not there, or is there more often than it was sent."""
    found = stored(out)
    wrong = []
    for session in sessions:
        if not session.acknowledged:
            continue
        text, revisions = found.get(session.pseudonym, {}).get("description", ("", 0))
        number = int(text.rpartition(" ")[2] or 0)
        if not session.acknowledged <= number <= session.sent or revisions > session.sent:
            wrong.append(
                f"{session.pseudonym}: {session.acknowledged} acknowledged, {number} stored, {revisions} times"
            )
    return wrong
