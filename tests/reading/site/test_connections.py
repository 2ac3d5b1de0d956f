"""Open connections, slow and half-open ones among them, keep nobody out and do not end the server."""

from __future__ import annotations

import http.client
import io
import logging
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foveate.errors import FoveateError
from foveate.reading.site import connections
from foveate.reading.site.connections import Limits
from tests.reading.site import hosting, load
from tests.reading.site.crowd import BEGUN, Crowd, crowd
from tests.reading.site.hosting import Server
from tests.reading.site.load import Session


def ask(port: int, path: str, session: Session | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Cookie": f"foveate={session.session}"} if session else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def all_answer(port: int, session: Session) -> None:
    """A static file, a page for everybody and the signed-in pages; a save too."""
    asked = {path: ask(port, path, session) for path in ("/static/reading/style.css", "/return", "/steps", "/step/1")}
    assert set(asked.values()) == {200}, asked
    assert session.save(port)


# The server as a process of its own


def test_more_half_open_requests_than_select_can_take(tmp_path: Path) -> None:
    with hosting.database() as address:
        server = Server(hosting.make_study(tmp_path, cases=2), address, open_files=4096)
        server.start()
        try:
            (session,) = load.enrol(server.out, 1)
            load.all_at_once([session] * 16, lambda own: ask(server.port, "/steps", own))  # every thread has its files
            with crowd(server.port, 4096) as many:
                many.open(1100)
                for _ in range(3):
                    all_answer(server.port, session)
                many.look()
                assert len(many.held) > 900  # they are still there, all but those that made room
                many.open(200)
                all_answer(server.port, session)
            all_answer(server.port, session)
            assert server.process is not None
            assert server.process.poll() is None
        finally:
            server.stop()


def test_few_files_are_enough(tmp_path: Path) -> None:
    """300 files are for 86 connections; more are not taken, and the database still has its own."""
    with hosting.database() as address:
        server = Server(hosting.make_study(tmp_path, cases=2), address, open_files=300)
        server.start()
        try:
            (session,) = load.enrol(server.out, 1)
            with crowd(server.port, 1024) as many:
                many.open(400)
                all_answer(server.port, session)
                many.wait_until_dropped(400 - 86)
                all_answer(server.port, session)
            assert "Too many open files" not in (tmp_path / "server.log").read_text(encoding="utf-8")
        finally:
            server.stop()


# The same in this process, with other limits


def greeting(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    start("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@contextmanager
def serving(limits: Limits, application: Callable[..., Any] = greeting) -> Iterator[int]:
    """The port of an application behind such limits."""
    server = connections.listen(application, limits, host="127.0.0.1", port=0, threads=2, max_request_body_size=1000)
    (port,) = {own.socket.getsockname()[1] for own in server.map.values() if isinstance(own, connections.Server)}
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield port
    finally:
        sockets = dict(server.map)
        server.map.clear()  # waitress's loop ends when it has nothing to wait for
        thread.join(60)
        server.map.update(sockets)
        server.close()


def greeted(own: socket.socket) -> None:
    """Ask, and have the whole answer."""
    own.sendall(b"GET / HTTP/1.1\r\n\r\n")
    answer = b""
    while not answer.endswith(b"hello"):
        more = own.recv(4096)
        assert more, answer
        answer += more


def test_a_request_that_trickles_is_dropped_however_busy_it_is() -> None:
    with serving(Limits(request=1)) as port:
        for begun in (b"", BEGUN, b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n", b"\r\n\r\n"):
            many = Crowd(port)
            many.open(3, begun)
            many.wait_until_dropped(3)
            assert ask(port, "/") == 200


def test_a_kept_connection_that_trickles_its_second_request_is_dropped() -> None:
    with serving(Limits(request=1, idle=600)) as port, socket.create_connection(("127.0.0.1", port), 60) as own:
        greeted(own)
        own.sendall(b"GET / HTTP/1.1\r\n")
        assert ended(own, b"X")


def test_a_kept_connection_ends_when_it_is_idle() -> None:
    with serving(Limits(request=600, idle=1)) as port, socket.create_connection(("127.0.0.1", port), 60) as own:
        greeted(own)
        assert own.recv(4096) == b""


def ended(own: socket.socket, trickle: bytes = b"") -> bool:
    """Whether the server ends the connection within a minute."""
    own.settimeout(0.2)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            own.sendall(trickle)
            if own.recv(2**16) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_who_does_not_take_an_answer_is_dropped() -> None:
    let_go = threading.Event()

    def much(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        start("200 OK", [])
        try:
            for _ in range(400):  # more than the buffers of both sides and waitress's own hold
                yield b"x" * 2**18
        finally:
            let_go.set()

    with serving(Limits(stalled=1), much) as port, socket.create_connection(("127.0.0.1", port), 60) as own:
        own.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert let_go.wait(60)  # the thread is free again
        assert ended(own)


def test_the_connection_that_has_waited_longest_makes_room() -> None:
    with serving(Limits(held=20, request=600)) as port:
        first, later = Crowd(port), Crowd(port)
        first.open(10)
        time.sleep(0.1)
        later.open(10)
        for _ in range(10):
            assert ask(port, "/") == 200
        first.wait_until_dropped(1)
        assert later.look() == 0
        assert first.dropped <= 10
        first.close()
        later.close()


def test_what_is_being_answered_is_not_dropped() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            inside.set()
            assert go_on.wait(60)
        return greeting(environ, start)

    found: list[int] = []
    with serving(Limits(held=20, request=1, idle=1, stalled=1), slow) as port:
        asker = threading.Thread(target=lambda: found.append(ask(port, "/slow")))
        asker.start()
        assert inside.wait(60)
        many = Crowd(port)
        many.open(40)
        many.wait_until_dropped(40)  # by room and by time
        assert ask(port, "/") == 200
        go_on.set()
        asker.join(60)
    assert found == [200]


def test_a_request_that_fails_below_django_leaves_no_link_in_the_log(place: Path) -> None:
    def fail(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        raise OSError("a disk")

    handler = next(own for own in logging.getLogger("waitress").handlers if own.name == "terminal")  # not pytest's
    assert isinstance(handler, logging.StreamHandler)
    said = io.StringIO()
    before = handler.setStream(said)
    try:
        with serving(Limits(), fail) as port:
            assert ask(port, "/invitation/a-secret%0Aof-two-lines") == 500
    finally:
        handler.setStream(before)
    assert "ERROR Exception while serving a request\n" in said.getvalue()
    assert "a disk" in said.getvalue()
    assert "secret" not in said.getvalue()
    assert "two-lines" not in said.getvalue()


# How many


def test_the_limit_of_open_files_is_raised_and_never_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    unlimited = resource.RLIM_INFINITY
    cases = {  # soft, hard -> connections, what the soft limit becomes; 128 files are for other things, two for each
        (256, unlimited): (1000, 2128),
        (1024, 4096): (1000, 2128),
        (1024, 1024): (448, None),
        (1024, 2000): (936, 2000),
        (20000, 20000): (1000, None),
        (unlimited, unlimited): (1000, None),
    }
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    for (soft, hard), (held, raised) in cases.items():
        monkeypatch.setattr(resource, "getrlimit", lambda _, own=(soft, hard): own)
        asked.clear()
        assert connections.affordable() == held
        assert asked in ([], [(soft, hard)]) if raised is None else asked == [(raised, hard)]


def test_a_limit_that_cannot_be_raised_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert connections.affordable() == 64
    monkeypatch.setattr(resource, "getrlimit", lambda _: (150, resource.RLIM_INFINITY))
    with pytest.raises(FoveateError, match="may open 150 files, which is too few to serve a study: allow 2128"):
        connections.affordable()


def test_where_there_is_no_poll_select_is_not_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("select.poll")
    assert connections.affordable() < 512
