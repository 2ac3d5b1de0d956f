"""However many were wrong: a right code, link or password passes, and failures alone are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import Client

from foveate.reading.site import audit, enrolment
from foveate.reading.site.models import AuditEntry, Reader
from tests.reading.site.administrator.administering import NAME, PASSWORD, SIGN_IN, as_administrator, given, link
from tests.reading.site.test_reader_views import text

HERE = "10.0.0.66"


def here() -> Client:
    """A browser that is new, at an address that has been wrong ten times and more."""
    return Client(REMOTE_ADDR=HERE)


def wrong_codes(count: int, address: str = HERE) -> list[int]:
    own = Client(REMOTE_ADDR=address)
    return [own.post("/return", {"code": f"{number:024}"}).status_code for number in range(count)]


def sign_in(client: Client, password: str = PASSWORD, name: str = NAME) -> Any:
    return client.post(SIGN_IN, {"name": name, "password": password})


@pytest.fixture
def checked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong passwords without their time, which is the same for each."""

    def fast(username: str, password: str) -> object:
        return authenticate(username=username, password=password) if password == PASSWORD else None

    monkeypatch.setattr("foveate.reading.site.accounts.authenticate", fast)


def test_ten_wrong_codes_turn_nobody_away_who_has_a_right_one(ready: Path, user: User) -> None:
    made, token = enrolment.invite("reader-1", None, audit.COMMAND)
    code = enrolment.enrol(enrolment.invite("reader-2", None, audit.COMMAND)[0])
    first = link()
    admin = as_administrator(user)
    admin.defaults["REMOTE_ADDR"] = HERE
    assert wrong_codes(12) == [400] * 10 + [429] * 2
    assert here().post("/invitation/abc").status_code == 429
    assert here().post("/admin/first/abc").status_code == 429
    assert here().post("/return", {"code": code})["Location"] == "/information"
    assert here().post(f"/invitation/{token}")["Location"] == "/information"
    assert here().post(first, given("x", name="Eve")).status_code == 400  # the form is asked, not the budget
    assert here().post(first, given(name="Eve"))["Location"] == "/admin/"
    assert sign_in(here())["Location"] == "/admin/"
    assert admin.post("/admin/export", {"password": PASSWORD}).status_code == 200
    assert wrong_codes(1) == [429]
    assert Reader.objects.get(pk=made.pk).invitations.get().redeemed_at


def test_what_is_right_is_not_counted(user: User, ready: Path) -> None:
    code = enrolment.enrol(enrolment.invite("reader-1", None, audit.COMMAND)[0])
    for _ in range(11):
        assert here().post("/return", {"code": code}).status_code == 302
    for _ in range(11):
        assert sign_in(here()).status_code == 302
    assert wrong_codes(11) == [400] * 10 + [429]


def test_wrong_passwords_from_many_addresses_lock_no_administrator_out(user: User, checked_at_once: None) -> None:
    for number in range(32):
        status = sign_in(Client(REMOTE_ADDR=f"10.0.1.{number % 4}"), "x").status_code
        assert status == (400 if number < 30 else 429)
    assert sign_in(Client(REMOTE_ADDR="10.0.1.0"), "x").status_code == 429  # a late one waits for a second
    for address in ("10.0.1.0", "10.0.2.1"):
        assert sign_in(Client(REMOTE_ADDR=address))["Location"] == "/admin/"
    assert sign_in(Client(REMOTE_ADDR="10.0.3.1"), "x").status_code == 429
    assert AuditEntry.objects.filter(action="password refused").count() == 30


def test_confirmations_have_a_budget_of_their_own(user: User, checked_at_once: None) -> None:
    admin = as_administrator(user)
    for number in range(11):
        response = admin.post("/admin/export", {"password": "x"})
        assert response.status_code == (400 if number < 10 else 429)
    assert sign_in(Client(REMOTE_ADDR="10.0.0.3"), "x").status_code == 400  # the same address
    assert admin.post("/admin/export", {"password": PASSWORD}).status_code == 200
    assert admin.post("/admin/export", {"password": "x"}).status_code == 429


def test_a_browser_that_was_signed_in_has_a_budget_of_its_own(user: User, checked_at_once: None) -> None:
    own, other = Client(REMOTE_ADDR=HERE), Client(REMOTE_ADDR=HERE)
    assert sign_in(own).status_code == 302
    cookie = own.cookies["foveate-browser"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    own.post("/admin/sign-out")
    assert [sign_in(other, "x").status_code for _ in range(11)] == [400] * 10 + [429]
    assert [sign_in(own, "x").status_code for _ in range(10)] == [400] * 10
    assert sign_in(own, "x").status_code == 429  # from here on it is a stranger
    assert sign_in(own).status_code == 302


def test_a_browsers_mark_is_for_one_account_and_cannot_be_made(user: User, checked_at_once: None) -> None:
    User.objects.create(username="Eve")
    own = Client(REMOTE_ADDR=HERE)
    assert sign_in(own).status_code == 302
    assert wrong_codes(10) == [400] * 10
    assert sign_in(own, "x").status_code == 400
    assert sign_in(own, "x", "Eve").status_code == 429
    for made in ("", "x", f"{user.pk}.aaaaaaaaaaaa", f"{own.cookies['foveate-browser'].value}x", "1:" * 90):
        forged = Client(REMOTE_ADDR=HERE)
        forged.cookies["foveate-browser"] = made
        assert sign_in(forged, "x").status_code == 429


def test_which_names_there_are_is_not_told_by_a_late_answer(user: User, checked_at_once: None) -> None:
    wrong_codes(10)
    pages = [text(sign_in(here(), "x", name)) for name in (NAME, "Nobody")]
    assert pages[0].replace(NAME, "Nobody") == pages[1]
