"""What is too large is refused as such, with a page, on every route and in whatever form it comes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import urllib.parse
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from foveate.reading.site import audit, state
from foveate.reading.site.models import Reader, Reply
from tests.reading.site import hosting, load
from tests.reading.site.test_reader_views import field, signed_in, text

LONG = "x" * 300 * 1024
FORMS = {
    "form": (urllib.parse.urlencode({"description": LONG}), "application/x-www-form-urlencoded"),
    "parts": (
        f'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\n{LONG}\r\n--b--\r\n',
        "multipart/form-data; boundary=b",
    ),
    "file": (
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{LONG}\r\n--b--\r\n',
        "multipart/form-data; boundary=b",
    ),
    "json": (json.dumps({"description": LONG}), "application/json"),
    "bytes": (LONG, "application/octet-stream"),
}


def routes(patterns: list[Any], before: str = "/") -> list[str]:
    """An address of every route."""
    found = []
    for own in patterns:
        if isinstance(own, URLResolver):
            found += routes(own.url_patterns, before + str(own.pattern))
        else:
            assert isinstance(own, URLPattern)
            values = {name: 1 if name == "place" else "x" for name in own.pattern.converters}
            path = str(own.pattern)
            for name, value in values.items():
                path = path.replace(f"<int:{name}>", str(value)).replace(f"<str:{name}>", str(value))
            found.append(before + path)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_300_kib_are_too_large_everywhere(reader: Reader, form: str) -> None:
    body, kind = FORMS[form]
    addresses = [*routes(get_resolver().url_patterns), "/nothing", "/static/reading/style.css"]
    assert len(addresses) > 30
    for client in (Client(enforce_csrf_checks=True), signed_in(reader)):
        client.handler.enforce_csrf_checks = True
        for address in addresses:
            response = client.generic("POST", address, body, kind)
            assert (response.status_code, "too long" in text(response)) == (413, True), address
            by_script = client.generic("POST", address, body, kind, headers={"X-Requested-With": "fetch"})
            assert (by_script.status_code, by_script.json()["error"]) == (413, "This is too long"), address
            assert response["Content-Security-Policy"]
    assert not Reply.objects.exists()


def test_the_longest_texts_that_are_allowed_fit(reader: Reader) -> None:
    """Signs of four bytes each: 10,000 of them in an answer, 50,000 in the information for readers."""
    own = signed_in(reader)
    page = field(text(own.get("/step/1")), "page")
    sent = urllib.parse.urlencode({"page": page, "sequence": 1, "choice": "A", "description": "𝄞" * 10_000})
    assert own.generic("POST", "/step/1", sent, "application/x-www-form-urlencoded").status_code == 302
    assert len(Reply.objects.get(question="description").value) == 10_000
    state.put_in_consent(audit.COMMAND, "𝄞" * state.LONGEST_CONSENT)
    assert 4 * state.LONGEST_CONSENT < settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # the form sends bytes as they are


# Over waitress, which has a limit of its own


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with hosting.serving(hosting.make_study(tmp_path_factory.mktemp("sizes"), cases=2)) as server:
        (session,) = load.enrol(server.out, 1)
        yield server.port, session


def send(port: int, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/step/1", body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("size", [257 * 1024, 300 * 1024, 3 * 1024**2, 30 * 1024**2])
def test_who_sends_too_much_reads_why(port: Any, size: int) -> None:
    own, session = port
    for cookie in ("", f"foveate={session.session}"):
        status, headers, page = send(own, b"x" * size, {"Cookie": cookie, "Content-Type": "text/plain"})
        assert (status, "<h1>This is too long</h1>" in page) == (413, True)
        assert headers["Content-Security-Policy"]
        status, _, page = send(own, b"x" * size, {"Cookie": cookie, "X-Requested-With": "fetch"})
        assert (status, json.loads(page)["error"]) == (413, "This is too long")
    assert session.save(own)


def test_a_connection_goes_on_after_a_body_that_was_too_large(port: Any) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port[0], timeout=60)) as connection:
        for _ in range(3):
            connection.request("POST", "/return", b"GET /nothing HTTP/1.1\r\n\r\n" * 20_000)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 413
            connection.request("GET", "/return")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200


def test_too_much_in_pieces_or_announced_is_refused(port: Any) -> None:
    pieces = (b"x" * 1024 for _ in range(300))
    assert send(port[0], pieces, {"Transfer-Encoding": "chunked"})[0] == 413
    with socket.create_connection(("127.0.0.1", port[0]), 60) as own:
        head = "POST /step/1 HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 400000", "Expect: 100-continue", "", ""
        own.sendall("\r\n".join(head).encode())
        assert own.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        own.sendall(b"x" * 400_000)
        assert own.recv(4096).startswith(b"HTTP/1.1 413 ")
