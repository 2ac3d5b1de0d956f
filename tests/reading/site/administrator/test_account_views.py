"""Administrators come in by a link that works once, then by a password."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from foveate.reading.site import accounts, audit, middleware
from foveate.reading.site.administrator import overview_views
from foveate.reading.site.models import AdministratorLink, AuditEntry, Reader
from tests.reading.site.administrator.administering import (
    NAME,
    PASSWORD,
    SIGN_IN,
    actions,
    given,
    link,
)
from tests.reading.site.test_reader_views import signed_in, text


def test_the_first_link_works_once(client: Client) -> None:
    first = link()
    assert client.get(first).status_code == 200  # looking uses nothing up
    assert client.post(first, given())["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    user = User.objects.get()
    assert user.username == NAME
    assert user.password.startswith("argon2$argon2id$")
    assert actions()[-3:] == ["administrator's link made", "account made", "signed in"]
    for again in (Client().get(first), Client().post(first, given("another long sentence"))):
        assert again.status_code == 410
        assert "works once" in text(again)
    assert User.objects.get().password == user.password
    assert actions()[-1] == "password refused"


def test_a_link_ends_after_a_day_and_when_another_is_made(client: Client) -> None:
    first = link()
    second = link()
    assert client.get(first).status_code == 410
    assert client.get(second).status_code == 200
    AdministratorLink.objects.filter(used_at=None).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.post(second, given()).status_code == 410
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (given("fourteen signs"), "at least 15 characters"),
        (given("manchesterunited"), "too common"),
        (given("lovelace of london", name="Lovelace of London"), "too similar to the username"),
        (given(again=PASSWORD + "."), "The two passwords differ"),
        (given("ab " * 86), "256 characters at most"),
        (given(name=" "), "Give a name of 1 to 60 letters"),
        (given(name="a" * 61), "Give a name of 1 to 60 letters"),
        (given(name="a\u202eb"), "Give a name of 1 to 60 letters"),
    ],
)
def test_a_weak_password_is_refused_and_the_link_stays(client: Client, form: dict[str, str], says: str) -> None:
    first = link()
    response = client.post(first, form)
    assert response.status_code == 400
    assert says in text(response)
    assert form["password"] not in text(response)
    assert not User.objects.exists()
    assert client.post(first, given("velvet otter moss" * 15)).status_code == 302  # 255 characters


def test_signing_in_begins_another_session(user: User, client: Client) -> None:
    before = client.session  # such as one that somebody has planted
    before["planted"] = "x"
    before.save()
    client.cookies["foveate"] = before.session_key or ""
    assert client.post(SIGN_IN, {"name": f"  {NAME} ", "password": PASSWORD})["Location"] == "/admin/"
    after = client.cookies["foveate"].value
    assert after != before.session_key
    assert not Session.objects.filter(session_key=before.session_key).exists()
    assert "planted" not in client.session
    assert client.get(SIGN_IN)["Location"] == "/admin/"


def test_a_wrong_password_is_logged_without_the_name_and_slowed_down(user: User) -> None:
    guesser = Client(REMOTE_ADDR="10.0.0.66")
    answers = [guesser.post(SIGN_IN, {"name": NAME, "password": "x" * 20}) for _ in range(4)]
    unknown = [guesser.post(SIGN_IN, {"name": "Eve", "password": "x" * 20}) for _ in range(8)]
    assert [answer.status_code for answer in answers + unknown] == [400] * 10 + [429] * 2
    without = [text(one).replace(NAME, "?").replace("Eve", "?") for one in (answers[0], unknown[0])]
    same = [re.sub(r'(csrfmiddlewaretoken" value=)"[^"]*"', r"\1", page) for page in without]
    assert same[0] == same[1]  # which names there are is not told
    refused = AuditEntry.objects.filter(action="password refused")
    assert [(entry.actor, entry.subject) for entry in refused] == [(audit.VISITOR, "")] * 10
    assert Client(REMOTE_ADDR="10.0.0.67").post(SIGN_IN, {"name": NAME, "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize(
    ("key", "ago", "ended"),
    [
        (middleware.SEEN, timedelta(minutes=29), False),
        (middleware.SEEN, timedelta(minutes=31), True),
        (middleware.BEGAN, timedelta(hours=11, minutes=59), False),
        (middleware.BEGAN, timedelta(hours=12, minutes=1), True),
    ],
)
def test_sessions_age(admin: Client, key: str, ago: timedelta, ended: bool) -> None:
    session = admin.session
    session[key] = (timezone.now() - ago).timestamp()
    session.save()
    response = admin.get("/admin/readers")
    assert (response.status_code == 302) is ended
    assert (admin.get("/admin/readers").status_code == 302) is ended
    if key == middleware.SEEN and not ended:  # a click keeps it alive
        assert timezone.now().timestamp() - admin.session[middleware.SEEN] < 60


def test_signing_out_ends_the_session_and_needs_a_button(admin: Client) -> None:
    cookie = admin.cookies["foveate"].value
    assert admin.get("/admin/sign-out").status_code == 405
    assert admin.get("/admin/").status_code == 200
    assert admin.post("/admin/sign-out")["Location"] == SIGN_IN
    admin.cookies["foveate"] = cookie
    assert admin.get("/admin/")["Location"] == SIGN_IN
    assert actions()[-1] == "signed out"


def test_a_new_password_ends_sessions_of_the_old_one(admin: Client) -> None:
    accounts.set_password(accounts.new_link(audit.COMMAND), NAME, "quite another sentence")
    assert admin.get("/admin/")["Location"] == SIGN_IN
    assert actions()[-1] == "password set"


def test_all_sessions_end_at_once(admin: Client, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    own = signed_in(reader)
    assert own.get("/steps").status_code == admin.get("/admin/").status_code == 200
    session = admin.session
    session[middleware.SEEN] -= 120  # so that the page notes that it was seen
    session.save()

    def meanwhile() -> list[Any]:
        accounts.end_all_sessions()
        return []

    with monkeypatch.context() as patched:
        patched.setattr(overview_views, "standings", meanwhile)
        admin.get("/admin/")
    assert not Session.objects.exists()  # the open page did not bring its session back
    assert own.get("/steps")["Location"] == "/return"
    assert admin.get("/admin/")["Location"] == SIGN_IN
