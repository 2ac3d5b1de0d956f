"""Of an erased reader's words nothing stays in any file of the study's folder, nor in the tables of PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foveate.reading.site import deployment
from tests.reading.site import hosting, load
from tests.reading.site.hosting import Server, foveate
from tests.reading.site.load import Session

MARKER = "Xylophagous"
only_sqlite = pytest.mark.skipif(hosting.kind() != "sqlite", reason="is about SQLite's files")


def found(server: Server, marker: str = MARKER) -> dict[str, int]:
    """How often the marker stands in each file: of the study's folder, and of PostgreSQL's tables."""
    folders = [server.out / "reading"]
    if server.database:
        folders.append(Path(server.database.partition("host=")[2]) / "data" / "base")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    counts = {str(file): file.read_bytes().count(marker.encode()) for file in files}
    return {name: count for name, count in counts.items() if count}


def write_much(server: Server, session: Session, times: int = 20) -> None:
    """Texts of all lengths, each corrected many times: the pages of the database are split, joined and freed."""
    for number in range(1, times + 1):
        session.words = f"{MARKER} {'lesion ' * (number * 37 % 1300)}{MARKER} "
        assert session.save(server.port), session.refused


def save_more(server: Server, sessions: list[Session], count: int) -> None:
    for number in range(count):
        session = sessions[number % len(sessions)]
        session.words = "opacity " * (number * 53 % 1200)
        assert session.save(server.port), session.refused


def checkpointed(server: Server) -> None:
    """PostgreSQL removes the files of a table that was written anew at its next checkpoint."""
    if server.database:
        import psycopg

        with psycopg.connect(server.database, autocommit=True) as own:
            own.execute("CHECKPOINT")


def test_nothing_of_an_erased_reader_stays(tmp_path: Path) -> None:
    with hosting.serving(hosting.make_study(tmp_path)) as server:
        gone, withdrawn, *others = load.enrol(server.out, 5)
        save_more(server, others, 20)
        write_much(server, gone, 40)
        write_much(server, withdrawn, 40)
        save_more(server, others, 20)
        checkpointed(server)
        assert sum(found(server).values()) > 0
        withdraw(server, withdrawn)
        said = foveate("reading", "erase", server.out, "--name", gone.pseudonym, "--yes")
        assert said.stdout == f"erased: {gone.pseudonym}\n"
        checkpointed(server)
        assert found(server) == {}  # while the server runs
        assert found(server, f"{gone.pseudonym}: ") == {}
        save_more(server, others, 168)
        assert found(server) == {}
        assert server.process
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        assert found(server) == {}
        assert load.lost(others, server.out) == []


def withdraw(server: Server, session: Session) -> None:
    """What a reader sends who wants the answers deleted."""
    csrf = "c" * 32
    body = urllib.parse.urlencode({"csrfmiddlewaretoken": csrf, "answers": "delete"}).encode()
    headers = {"Cookie": f"foveate={session.session}; foveate-csrf={csrf}"}
    page = urllib.request.urlopen(urllib.request.Request(f"{server.address}/withdraw", body, headers))
    assert page.status == 200


def unfinished(server: Server) -> Path:
    return server.out / "reading" / deployment.SECRETS / "erasing-unfinished"


@contextmanager
def somebody_reads(server: Server) -> Iterator[subprocess.Popen[str]]:
    """Another process, in the middle of reading the database, until it is killed."""
    code = (
        "import sqlite3, sys; own = sqlite3.connect(sys.argv[1], isolation_level=None); own.execute('BEGIN'); "
        "print(own.execute('SELECT count(*) FROM reading_reply').fetchone()[0], flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(server.out / "reading" / deployment.DATABASE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert int(process.stdout.readline()) > 0
        try:
            yield process
        finally:
            process.kill()


@only_sqlite
def test_who_reads_meanwhile_does_not_keep_it(tmp_path: Path) -> None:
    """A read that began before keeps the words in the log that SQLite writes ahead; they go when it has ended."""
    with hosting.serving(hosting.make_study(tmp_path)) as server:
        gone, other = load.enrol(server.out, 2)
        write_much(server, gone)
        with somebody_reads(server):
            said = foveate("reading", "erase", server.out, "--name", gone.pseudonym, "--yes").stdout
            assert "its words stay in the database's files until whoever reads it now has ended" in said
            assert unfinished(server).exists()
            assert sum(found(server).values()) > 0
            assert other.save(server.port)  # the server goes on
        end = time.monotonic() + 60
        while unfinished(server).exists() and time.monotonic() < end:
            assert urllib.request.urlopen(f"{server.address}/return").status == 200
            time.sleep(0.2)
        assert not unfinished(server).exists()
        assert found(server) == {}


@only_sqlite
@pytest.mark.parametrize("way", ["stop", "start"])
def test_what_was_not_finished_is_finished_at_the_end_or_the_next_start(tmp_path: Path, way: str) -> None:
    with hosting.serving(hosting.make_study(tmp_path)) as server:
        gone, other = load.enrol(server.out, 2)
        write_much(server, gone)
        with somebody_reads(server):
            foveate("reading", "erase", server.out, "--name", gone.pseudonym, "--yes")
            if way == "start":
                server.kill()
        assert sum(found(server).values()) > 0
        if way == "start":
            server.start()
        else:
            server.stop()
        assert not unfinished(server).exists()
        assert found(server) == {}
        if way == "start":
            assert other.save(server.port)
