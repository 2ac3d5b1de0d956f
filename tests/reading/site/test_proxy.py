"""Behind a web server that speaks TLS: names, cookies, origins and addresses are those that readers see."""

from __future__ import annotations

import http.client
import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from foveate.reading.site import deployment
from tests.reading.site import hosting, load
from tests.reading.site.hosting import Server

NAME = "reading.example.org"
PROXY = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-Host": NAME, "X-Forwarded-For": "192.0.2.7"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    out = hosting.make_study(tmp_path_factory.mktemp("proxy"), cases=2)
    with hosting.database() as address:
        own = deployment.Deployment(url=f"https://{NAME}", trusted_proxy="127.0.0.1", database=address)
        deployment.save(out / "reading", own)
        it = Server(out)
        it.start(NAME)
        yield it
        it.stop()


def ask(
    server: Server, method: str, path: str, headers: dict[str, str], body: dict[str, str] | None = None
) -> tuple[int, list[tuple[str, str]], str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, path, urllib.parse.urlencode(body) if body else None, headers | kind)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read().decode()
    finally:
        connection.close()


def test_cookies_and_headers_are_for_tls(server: Server) -> None:
    status, headers, _ = ask(server, "GET", "/return", PROXY)
    assert status == 200
    found = dict(headers)
    assert found["Strict-Transport-Security"] == "max-age=31536000"
    assert "Server" not in found
    cookie = found["Set-Cookie"]
    assert cookie.strip().startswith("__Host-foveate-csrf=")
    for word in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert word in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1"])
def test_other_names_are_refused(server: Server, host: str) -> None:
    assert ask(server, "GET", "/return", PROXY | {"Host": host, "X-Forwarded-Host": host})[0] == 400


def test_a_link_leads_in_and_forms_are_bound_to_the_public_address(server: Server) -> None:
    reading = server.out / "reading"
    first = (reading / "secrets" / "first-link").read_text(encoding="utf-8")
    assert first.startswith(f"https://{NAME}/admin/first/")
    load.confirm(server.out)
    link = load.invite(server.out, f"https://{NAME}", ["reader-1"])["reader-1"]
    path = urllib.parse.urlsplit(link).path
    _, headers, page = ask(server, "GET", path, PROXY)
    secret = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    cookie = re.search(r"__Host-foveate-csrf=\w+", dict(headers)["Set-Cookie"])
    assert secret
    assert cookie
    form = {"csrfmiddlewaretoken": secret[1]}
    sent = PROXY | {"Cookie": cookie[0]}
    for origin in ("https://evil.example", f"http://{NAME}", "null"):
        assert ask(server, "POST", path, sent | {"Origin": origin}, form)[0] == 403
    status, headers, _ = ask(server, "POST", path, sent | {"Origin": f"https://{NAME}"}, form)
    assert status == 302
    session = [value for name, value in headers if name == "Set-Cookie" and "__Host-foveate=" in value]
    assert len(session) == 1
    assert "Secure" in session[0]
    assert "HttpOnly" in session[0]


def test_limits_count_readers_and_not_the_web_server(server: Server) -> None:
    """Ten wrong codes from one address stop that address; the proxy's other visitors go on."""

    def guess(address: str) -> int:
        sent = PROXY | {"X-Forwarded-For": address, "Cookie": f"__Host-foveate-csrf={'a' * 32}"}
        sent |= {"Origin": f"https://{NAME}"}
        return ask(server, "POST", "/return", sent, {"csrfmiddlewaretoken": "a" * 32, "code": "x"})[0]

    assert [guess("192.0.2.8") for _ in range(12)] == [400] * 10 + [429] * 2
    assert guess("192.0.2.9") == 400
    assert guess("::ffff:192.0.2.8") == 429  # as nginx writes it where it listens to both
    assert guess("::ffff:192.0.2.10") == 400
    assert [guess(f"2001:db8::{number}") for number in range(11)] == [400] * 10 + [429]
    assert guess("2001:db8:0:1::1") == 400


def test_no_address_is_stored_or_logged(server: Server, tmp_path: Path) -> None:
    log = (server.out.parent / "server.log").read_bytes()
    files = [file.read_bytes() for file in (server.out / "reading").glob("database.sqlite3*")]
    for data in (log, *files):
        assert b"192.0.2." not in data
