"""A server cannot fill the disk, lead away from https, or end the program with what it sends."""

from __future__ import annotations

import http.server
import io
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from types import SimpleNamespace

import pytest

from foveate.data import room
from foveate.data.download import MOST_REDIRECTS, DownloadError, _OnlyToHttps, download
from foveate.data.fetch import fetch
from foveate.data.sources import archives
from foveate.errors import FoveateError

CHUNKS = 2000  # of 64 KiB, far more than the buffers between server and client hold
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server(http.server.ThreadingHTTPServer):
    """Gives one answer to everything."""

    answer: Answer
    asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.answer(self)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/x.zip"


def sending(size: int, length: str | None = None) -> Answer:
    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        if length is not None:
            to.send_header("Content-Length", length)
        to.end_headers()
        try:
            for _ in range(size // 1000):
                to.wfile.write(b"x" * 1000)
        except OSError:  # nobody listens any more
            to.close_connection = True

    return answer


def leading_to(address: str, body: bytes = b"", sent: list[int] | None = None) -> Answer:
    sent = [] if sent is None else sent

    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        to.send_response(302)
        to.send_header("Location", address)
        to.end_headers()
        try:
            for _ in range(CHUNKS if body else 0):
                to.wfile.write(body)
                sent.append(len(body))
        except OSError:  # nobody listens any more
            to.close_connection = True

    return answer


def test_more_than_there_can_be_is_refused_before_a_byte_of_it(server: Server, tmp_path: Path) -> None:
    server.answer = sending(0, length="1000001")
    with pytest.raises(DownloadError, match=r"the server sends more than 1 MiB, too much for this file"):
        download(url(server), tmp_path / "x.zip", largest=1_000_000)
    assert not [path for path in tmp_path.iterdir() if path.stat().st_size]


@pytest.mark.parametrize("length", [None, "x", "-5", "1" * 5000])
def test_a_server_that_does_not_say_how_much_is_stopped_while_it_sends(
    server: Server, tmp_path: Path, length: str | None
) -> None:
    server.answer = sending(100_000_000, length=length)
    with pytest.raises(DownloadError, match="the server sends more than 1 MiB"):
        download(url(server), tmp_path / "x.zip", largest=1_000_000)
    assert not [path for path in tmp_path.iterdir() if path.stat().st_size]


def test_what_is_as_large_as_it_may_be_is_taken(server: Server, tmp_path: Path) -> None:
    server.answer = sending(1_000_000, length="1000000")
    assert download(url(server), tmp_path / "x.zip", largest=1_000_000).size == 1_000_000


def test_a_disk_that_would_be_full_is_told_of_before(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=room.LEFT + 3_145_728))
    server.answer = sending(0, length="4194304")
    with pytest.raises(FoveateError, match=f"{tmp_path} has room for 3 MiB, and 4 MiB are needed: make room"):
        download(url(server), tmp_path / "x.zip")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=room.LEFT))
    server.answer = sending(4_000_000)
    with pytest.raises(FoveateError, match="has room for 0 MiB"):
        download(url(server), tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("a.png", b"x")
    with pytest.raises(FoveateError, match="has room for 0 MiB"):
        archives.unpack(tmp_path / "y.zip", tmp_path / "y")
    assert not (tmp_path / "y").exists()


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{port}/y.zip", "file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "//127.0.0.1:9/x"],
)
def test_it_is_not_led_away_from_https(server: Server, tmp_path: Path, address: str) -> None:
    server.answer = leading_to(address.format(port=server.server_port))
    with pytest.raises(DownloadError, match=r"which is no https address|is not allowed"):
        download(url(server), tmp_path / "x.zip")
    assert server.asked == 1
    assert not list(tmp_path.iterdir())


def test_a_redirect_that_never_ends_is_not_read(server: Server, tmp_path: Path) -> None:
    sent: list[int] = []
    server.answer = leading_to("https://127.0.0.1:9/x.zip", b"x" * 2**16, sent)
    with pytest.raises(DownloadError, match="refused"):
        download(url(server), tmp_path / "x.zip")
    assert len(sent) < CHUNKS  # the connection was closed before


def test_from_https_to_https_it_goes_on_a_few_times() -> None:
    handler = _OnlyToHttps()
    asked = urllib.request.Request("https://a.org/x")
    went = handler.redirect_request(asked, io.BytesIO(), 302, "Found", Message(), "https://b.org/y")
    assert went is not None
    assert went.full_url == "https://b.org/y"
    assert handler.max_redirections == MOST_REDIRECTS == 5
    with pytest.raises(urllib.error.URLError, match="leads on to 'http://b.org/y', which is no https address"):
        handler.redirect_request(asked, io.BytesIO(), 302, "Found", Message(), "http://b.org/y")


@pytest.mark.parametrize("address", ["file:///etc", "ftp://127.0.0.1:9", "data:,x", "/etc"])
def test_only_http_and_https_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("FOVEATE_FETCH_URL", address)
    with pytest.raises(FoveateError, match="ct could not be downloaded: .* is no address that begins with https"):
        fetch("ct", tmp_path / "ct")


def test_a_list_of_images_is_no_gigabyte(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(to: http.server.BaseHTTPRequestHandler) -> None:
        sending(0, length=str(2**27 if to.path.endswith((".txt", ".csv", ".xlsx")) else 0))(to)

    server.answer = answer
    monkeypatch.setenv("FOVEATE_FETCH_URL", url(server))
    with pytest.raises(FoveateError, match=r"trainCT_COVID.txt: the server sends more than 64 MiB"):
        fetch("ct", tmp_path / "ct")


def test_too_many_files_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", b"x")
    with pytest.raises(FoveateError, match=r"x.zip holds more than 3 files"):
        archives.unpack(tmp_path / "x.zip", tmp_path / "x")
