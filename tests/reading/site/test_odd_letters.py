"""NUL, lone surrogates, broken UTF-8 and endless values reach no database that answers them with an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver

from foveate.reading.site.models import Reader
from tests.reading.site import hosting
from tests.reading.site.administrator.administering import NAME, PASSWORD, as_administrator, hashed, rows
from tests.reading.site.hosting import foveate
from tests.reading.site.test_reader_views import signed_in
from tests.reading.site.test_sizes import routes

ODD = ("%00", "a%00b", "%ED%A0%80", "%FF%FE", "%F0%9D%84%9E", "%0A", "x" * 5000, "9" * 30, "9" * 5000)
FIELDS = (
    "code", "version", "agree", "speciality", "years", "display", "answers", "page", "sequence", "active", "choice",
    "description", "go", "name", "password", "again", "text", "looked", "pseudonym", "dataset", "days", "sure", "q",
)  # fmt: skip
# What these say is not looked at in a database; one of them must be no reader's own.
SESSIONS = ('"\\000aaaaaaaaaaaaaaaa"', "a" * 40_000, '"\\355\\240\\200aaaaaaaaaaaaa"', "\x7f" * 20)


@pytest.fixture
def browsers(reader: Reader) -> list[Client]:
    user = User.objects.create(username=NAME, password=hashed())
    found = [Client(), signed_in(reader), as_administrator(user)]
    for own in found:
        own.raise_request_exception = False
    return found


def addresses() -> list[str]:
    """Each route with each odd value in place of what it takes."""
    found = set()
    for address in routes(get_resolver().url_patterns, "/"):
        parts = address.split("/")
        for odd in ODD:
            found |= {"/".join([*parts[:at], odd, *parts[at + 1 :]]) for at, part in enumerate(parts) if part in "x1"}
            found.add(f"{address}?page={odd}&readers={odd}&{odd}={odd}")
    return sorted(found)


def test_no_address_is_an_error(browsers: list[Client]) -> None:
    every = addresses()
    assert len(every) > 300
    for own in browsers:
        failed = {path[:80]: status for path in every if (status := own.get(path).status_code) >= 500}
        assert not failed


def test_no_form_is_an_error(browsers: list[Client]) -> None:
    keep = ("leave", "withdraw", "sign-out", "erase")  # these end what the other forms need
    for own in browsers:
        for address in routes(get_resolver().url_patterns, "/"):
            if address.endswith(keep):
                continue
            for odd in ODD[:-1]:
                body = "&".join(f"{name}={odd}" for name in FIELDS)
                response = own.generic("POST", address, body, "application/x-www-form-urlencoded")
                assert response.status_code < 500, (address, odd[:20])


def test_no_cookie_is_an_error(browsers: list[Client], reader: Reader) -> None:
    for session in SESSIONS:
        for name in ("foveate", "foveate-csrf"):
            for address in ("/", "/steps", "/return", "/admin/"):
                for method in ("GET", "POST"):
                    header = f"{name}={session}"
                    own = Client(raise_request_exception=False)
                    assert own.generic(method, address, HTTP_COOKIE=header).status_code < 500, header[:40]


def test_odd_headers_are_no_error(browsers: list[Client]) -> None:
    for value in ("\x00", "\xff", "x" * 5000, "\xed\xa0\x80"):
        for name in ("HTTP_X_REQUESTED_WITH", "REMOTE_ADDR", "HTTP_REFERER", "HTTP_ORIGIN", "HTTP_USER_AGENT"):
            for own in browsers:
                own.defaults = {name: value}
                assert own.post("/return", {"code": "x"}).status_code < 500, (name, value[:5])


def test_nothing_odd_is_stored(browsers: list[Client]) -> None:
    own = browsers[2]
    own.post("/admin/information", {"text": "one\0two", "password": PASSWORD})
    own.post("/admin/readers", {"pseudonym": "a\0b", "days": "30", "dataset": "mri"})
    stored = str(rows())
    assert "onetwo" in stored
    assert "\\x00" not in stored


# On the command line, where Python makes lone surrogates of bytes that are no UTF-8


def test_names_that_are_no_utf8_are_refused_in_words(tmp_path: Path) -> None:
    out = hosting.make_study(tmp_path, cases=2)
    with hosting.serving(out) as server:
        odd = os.fsdecode(b"\xff")
        for command in (
            ("erase", out, "--name", odd, "--yes"),
            ("invite", out, "--name", odd),
            ("invite", out, "--name", "reader-1", "--dataset", odd),
        ):
            told = foveate("reading", *command, check=False)
            assert told.returncode in (1, 2), told.stderr
            assert told.stderr.startswith("error: "), told.stderr
            assert "Traceback" not in told.stderr
        assert server.process
