"""A small reader study, a throw-away PostgreSQL and the server as a process of its own, as a hospital would run it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from foveate.reading import package
from tests.reading.small_study import build

CONSENT = (
    "What this is about\nYou judge heat-maps of images that a computer made.\n\nYour rights\nYou can stop at any time."
)
KINDS = ("sqlite", "postgresql")


def _postgresql() -> Path | None:
    """The folder of PostgreSQL's programs, which Debian keeps off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


POSTGRESQL = _postgresql()


def make_study(path: Path, cases: int = 10, consent: str | None = CONSENT, show_truth: bool = False) -> Path:
    """OUT of a study with OUT/reading, of made-up images."""
    folder, subject = build(path)
    package.create(folder, [subject], cases, seed=123_456_789_012, consent=consent, show_truth=show_truth)
    return folder.path


def kind() -> str:
    """The database that this run of the tests is for."""
    chosen = os.environ.get("FOVEATE_TEST_DATABASE", "sqlite")
    assert chosen in KINDS, f"FOVEATE_TEST_DATABASE must be one of {KINDS}"
    return chosen


def _as_postgres(*command: str | Path) -> None:
    """PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a new, empty database that lives as long as the block; it listens on a socket in its folder."""
    assert POSTGRESQL is not None
    folder = Path(tempfile.mkdtemp(prefix="foveate-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        _as_postgres(POSTGRESQL / "initdb", "-D", data, "-A", "trust", "-U", "foveate", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c max_connections=60"
        _as_postgres(POSTGRESQL / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        try:
            _as_postgres(POSTGRESQL / "createdb", "-h", folder, "-U", "foveate", "reading")
            yield f"postgresql://foveate@/reading?host={folder}"
        finally:
            _as_postgres(POSTGRESQL / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def foveate(*arguments: str | int | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The program, as a user calls it."""
    return subprocess.run(
        [sys.executable, "-m", "foveate", *map(str, arguments)], check=check, text=True, capture_output=True
    )


@dataclass
class Server:
    """`foveate reading serve OUT` as a process."""

    out: Path
    database: str | None = None
    port: int = field(default_factory=free_port)
    open_files: int | None = None  # that the process may have; None: as many as this one
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str | None = None) -> None:
        """Start, and wait for the first answer; `name`: of the host that it answers for."""
        command = [sys.executable, "-m", "foveate", "reading", "serve", str(self.out), "--port", str(self.port)]
        if self.database:
            command += ["--database", self.database]
        if self.open_files:
            command = ["sh", "-c", f'ulimit -n {self.open_files} && exec "$@"', "sh", *command]
        log = self.out.parent / "server.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        request = urllib.request.Request(f"{self.address}/return", headers={"Host": name} if name else {})
        for _ in range(300):
            try:
                urllib.request.urlopen(request, timeout=5).close()
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert self.process.poll() is None, log.read_text(encoding="utf-8")
                time.sleep(0.1)
        raise AssertionError(log.read_text(encoding="utf-8"))

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def first_link(self) -> str:
        """The administrator's link, which goes into a file where nobody sits at the terminal."""
        return (self.out / "reading" / "secrets" / "first-link").read_text(encoding="utf-8").strip()


@contextmanager
def database() -> Iterator[str | None]:
    """The address of a new database of this run's kind; None for SQLite, which lies in the study's folder."""
    if kind() == "sqlite":
        yield None
        return
    assert POSTGRESQL is not None, "FOVEATE_TEST_DATABASE is postgresql, and PostgreSQL is not installed"
    with postgresql() as address:
        yield address


@contextmanager
def serving(out: Path) -> Iterator[Server]:
    """The server on a new database of this run's kind."""
    with database() as address:
        server = Server(out, address)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def versions() -> str:
    """What a figure was measured with."""
    import sqlite3

    import django

    found = [f"Django {django.get_version()}", f"SQLite {sqlite3.sqlite_version}"]
    if POSTGRESQL is not None:
        told = subprocess.run([POSTGRESQL / "postgres", "--version"], check=True, text=True, capture_output=True)
        found.append(f"PostgreSQL {told.stdout.split()[-1].strip(')')}")
    return ", ".join(found)


if __name__ == "__main__" and POSTGRESQL is None:
    raise SystemExit("PostgreSQL is not installed here: the reader study is tested on SQLite alone.")
