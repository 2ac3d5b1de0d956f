"""A killed server, a full disk, a database that cannot be written or is away: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from foveate.reading.site import middleware, saving
from foveate.reading.site.models import Reader, Reply
from tests.reading.site import hosting, load
from tests.reading.site.hosting import Server, foveate
from tests.reading.site.load import Session
from tests.reading.site.test_reader_views import field, signed_in, text

SESSIONS, EACH = 20, 20


def test_a_killed_server_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    with hosting.serving(hosting.make_study(tmp_path)) as server:
        sessions = load.enrol(server.out, SESSIONS)

        def acknowledged() -> int:
            return sum(session.acknowledged for session in sessions)

        def kill() -> None:
            end = time.monotonic() + 60
            while acknowledged() < SESSIONS * EACH // 2 and time.monotonic() < end:
                time.sleep(0.002)
            server.kill()

        def act(session: Session) -> None:
            while session.sent < EACH and session.save(server.port):
                pass

        killer = threading.Thread(target=kill)
        killer.start()
        load.all_at_once(sessions, act)
        killer.join()
        assert SESSIONS * EACH // 2 <= acknowledged() < SESSIONS * EACH
        assert not any(session.refused for session in sessions)
        found = load.stored(server.out)
        before = {own.pseudonym: found.get(own.pseudonym, {}).get("description", ("", 0)) for own in sessions}
        for session in sessions:
            number = int(before[session.pseudonym][0].rpartition(" ")[2] or 0)
            assert session.acknowledged <= number <= session.sent

        server.start()
        for session in sessions:
            for _ in range(2):  # the last one once more, as a browser does that had no answer
                session.sent -= 1
                assert session.save(server.port)
        after = load.stored(server.out)
        for session in sessions:
            last = f"{session.pseudonym}: {session.sent}"
            value, revisions = before[session.pseudonym]
            expected = revisions if value == last else revisions + 1
            assert after[session.pseudonym] == {"choice": ("A", 1), "description": (last, expected)}


def post(server: Server, session: Session, number: int, by_script: bool) -> tuple[int, str]:
    """A save by hand, for what it is answered."""
    csrf = "b" * 32
    body = {"csrfmiddlewaretoken": csrf, "page": session.page, "sequence": number, "choice": "B", "description": number}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"foveate={session.session}; foveate-csrf={csrf}",
        **({"X-Requested-With": "fetch"} if by_script else {}),
    }
    return ask(server, "POST", "/step/1", urllib.parse.urlencode(body), headers)


def shown(server: Server, session: Session) -> str:
    """The description that stands in the first step."""
    status, page = ask(server, "GET", "/step/1", None, {"Cookie": f"foveate={session.session}"})
    found = re.search(r"<textarea[^>]*>\s*([^<]*)</textarea>", page)
    assert (status, bool(found)) == (200, True), page
    return found[1] if found else ""


def ask(server: Server, method: str, address: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, address, body, headers)
    answer = connection.getresponse()
    data = answer.read().decode()
    connection.close()
    return answer.status, data


NOT_STORED = "The answer could not be stored"


def refused(server: Server, session: Session, number: int) -> None:
    status, said = post(server, session, number, by_script=True)
    assert (status, json.loads(said)["error"]) == (503, NOT_STORED)
    status, said = post(server, session, number, by_script=False)
    assert status == 503
    assert f"<h1>{NOT_STORED}</h1>" in said
    assert "What was saved before is kept." in said


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """OUT whose reading folder is a file system of its own, of a few megabytes."""
    out = hosting.make_study(tmp_path, cases=4)
    place = (out / "reading").rename(tmp_path / "made")
    (out / "reading").mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", str(out / "reading")]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("mount") else None
    if mounted is None or mounted.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail(f"cannot mount a small file system: {mounted.stderr if mounted else 'there is no mount'}")
        pytest.skip("needs to mount a small file system, which is not permitted here")
    try:
        shutil.copytree(place, out / "reading", dirs_exist_ok=True)
        yield out
    finally:
        subprocess.run(["umount", "--lazy", str(out / "reading")], check=True)


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    assert shutil.disk_usage(path).free == 0


@pytest.mark.skipif(hosting.kind() != "sqlite", reason="is about SQLite's file")
def test_a_full_disk(small: Path) -> None:
    with hosting.serving(small) as server:
        (session,) = load.enrol(server.out, 1)
        assert post(server, session, 1, by_script=True)[0] == 200
        filler = small / "reading" / "filler"
        fill(filler)
        for number in (2, 3):
            refused(server, session, number)
        assert shown(server, session) == "1"  # what is there can be read
        told = foveate("reading", "invite", small, "--name", "reader-9", check=False)
        database = small / "reading" / "database.sqlite3"
        assert told.stderr == f"error: cannot use the database {database}: database or disk is full.\n"
        assert told.returncode == 1
        filler.unlink()
        assert json.loads(post(server, session, 3, by_script=True)[1])["saved"] == 3
        assert shown(server, session) == "3"


@pytest.mark.skipif(hosting.kind() != "postgresql", reason="is about PostgreSQL")
def test_a_database_server_that_stops_and_comes_back(tmp_path: Path) -> None:
    with hosting.serving(hosting.make_study(tmp_path, cases=4)) as server:
        (session,) = load.enrol(server.out, 1)
        assert post(server, session, 1, by_script=True)[0] == 200
        assert server.database
        assert hosting.POSTGRESQL
        folder = server.database.partition("host=")[2]
        control = (hosting.POSTGRESQL / "pg_ctl", "-D", f"{folder}/data", "-w")
        hosting._as_postgres(*control, "-m", "immediate", "stop")
        refused(server, session, 2)
        status, page = ask(server, "GET", "/step/1", None, {"Cookie": f"foveate={session.session}"})
        assert (status, f"<h1>{NOT_STORED}</h1>" in page) == (503, True)
        options = f"-k {folder} -c listen_addresses=''"
        hosting._as_postgres(*control, "-o", options, "-l", f"{folder}/log", "start")
        assert json.loads(post(server, session, 2, by_script=True)[1])["saved"] == 2
        assert shown(server, session) == "2"


# In this process


@contextmanager
def unwritable() -> Iterator[None]:
    """The database refuses all writing in this block, as from a file system or a copy that is read-only."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = ON")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA query_only = OFF")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
            yield
            transaction.set_rollback(True)


def test_a_database_that_cannot_be_written_can_be_read(reader: Reader) -> None:
    own = signed_in(reader)
    data = {"page": field(text(own.get("/step/1")), "page"), "sequence": "1", "choice": "A"}
    session = own.session
    session[middleware.SEEN] = (timezone.now() - timedelta(hours=1)).timestamp()  # which the next page would note
    session.save()
    with unwritable():
        assert own.get("/step/1").status_code == 200
        by_form = own.post("/step/1", data)
        assert (by_form.status_code, NOT_STORED in text(by_form)) == (503, True)
        by_script = own.post("/step/1", data, headers={"X-Requested-With": "fetch"})
        assert (by_script.status_code, by_script.json()["error"]) == (503, NOT_STORED)
        assert own.post("/return", {"code": "x"}).status_code == 503
        assert Client().post("/admin/sign-in", {"name": "Ada", "password": "x"}).status_code == 503
    assert not Reply.objects.exists()
    assert own.post("/step/1", data)["Location"] == "/step/2"
    assert Reply.objects.get().value == "A"
    assert timezone.now().timestamp() - own.session[middleware.SEEN] < 60


def test_a_database_that_is_away_is_a_page(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is signed in cannot be asked, which is before any page begins."""

    def away(self: SessionStore) -> dict[str, object]:
        raise OperationalError("connection refused")

    own = signed_in(reader)
    own.raise_request_exception = False
    monkeypatch.setattr(SessionStore, "load", away)
    for address in ("/steps", "/step/1", "/admin/"):
        page = own.get(address)
        assert (page.status_code, f"<h1>{NOT_STORED}</h1>" in text(page)) == (503, True)
        assert "connection refused" not in text(page)
    by_script = own.post("/step/1", {"choice": "A"}, headers={"X-Requested-With": "fetch"})
    assert (by_script.status_code, by_script.json()["error"]) == (503, NOT_STORED)


def test_our_own_mistakes_are_not_taken_for_a_full_disk(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise ValueError("full of mistakes, read-only")

    own = signed_in(reader)
    own.raise_request_exception = False
    monkeypatch.setattr(saving, "progress", wrong)
    page = own.get("/steps")
    assert (page.status_code, "<h1>Something went wrong</h1>" in text(page)) == (500, True)
    assert "mistakes" not in text(page)
