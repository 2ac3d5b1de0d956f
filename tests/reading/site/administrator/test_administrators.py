"""Administrators among themselves: one more, one less, and a password of one's own."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client

from foveate.errors import FoveateError
from foveate.reading.site import accounts, audit
from foveate.reading.site.models import AuditEntry, ConsentText, Reader
from tests.reading.site.administrator.administering import (
    NAME,
    PASSWORD,
    SIGN_IN,
    actions,
    as_administrator,
    given,
    hashed,
)
from tests.reading.site.test_reader_views import signed_in, text

NEW = "quite another sentence here"


def changed(**other: str) -> dict[str, str]:
    return {"password": PASSWORD, "new": NEW, "again": NEW, **other}


@pytest.fixture
def second(user: User) -> User:
    return User.objects.create(username="Eve", password=hashed())


# The own password


def test_a_new_password_ends_all_other_sessions(admin: Client, user: User) -> None:
    elsewhere, link = as_administrator(user), accounts.new_link(audit.COMMAND)
    before = admin.cookies["foveate"].value
    assert "Change your password" in text(admin.get("/admin/administrators"))
    assert admin.post("/admin/password", changed())["Location"] == "/admin/administrators"
    assert admin.cookies["foveate"].value != before
    assert not Session.objects.filter(session_key=before).exists()
    assert admin.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/")["Location"] == SIGN_IN
    assert not accounts.usable(link)
    entry = AuditEntry.objects.last()
    assert entry
    assert (entry.actor, entry.action) == (audit.administrator(user.pk), "password changed")
    assert Client().post(SIGN_IN, {"name": NAME, "password": PASSWORD}).status_code == 400
    assert Client().post(SIGN_IN, {"name": NAME, "password": NEW}).status_code == 302


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (changed(password="not the right one"), "The password so far is not right: nothing was done"),
        (changed(password=""), "The password so far is not right"),
        (changed(again=f"{NEW}."), "The two new passwords differ"),
        (changed(new=PASSWORD, again=PASSWORD), "the same as the one so far"),
        (changed(new="only short", again="only short"), "at least 15 characters"),
        (changed(new="a" * 20, again="a" * 20), "different characters"),
    ],
)
def test_an_unsuitable_change_changes_nothing(admin: Client, user: User, form: dict[str, str], says: str) -> None:
    response = admin.post("/admin/password", form)
    assert (response.status_code, says in text(response)) == (400, True)
    assert form["new"] not in text(response)
    assert User.objects.get(pk=user.pk).password == user.password
    assert admin.get("/admin/").status_code == 200


# Others


def test_another_administrator_comes_in_by_a_link_that_replaces_nobody(admin: Client, user: User) -> None:
    assert admin.post("/admin/administrators", {"password": "wrong"}).status_code == 400
    assert "administrator's link made" not in actions()
    shown = text(admin.post("/admin/administrators", {"password": PASSWORD}))
    found = re.search(r"http://127\.0\.0\.1:8000(/admin/first/[\w-]{43})", shown)
    assert found
    assert found[0] not in text(admin.get("/admin/administrators"))
    other = Client()
    assert "its password is replaced" not in text(other.get(found[1]))
    for name in (NAME, NAME.lower()):
        refused = other.post(found[1], given("a wholly new sentence", name=name))
        assert (refused.status_code, "There is an account of that name already" in text(refused)) == (400, True)
    assert User.objects.get().password == user.password
    assert other.post(found[1], given("a wholly new sentence", name="Eve")).status_code == 302
    assert set(User.objects.values_list("username", flat=True)) == {NAME, "Eve"}


def test_an_administrator_is_shut_out_at_once_and_let_in_again(admin: Client, second: User, reader: Reader) -> None:
    theirs, own, link = as_administrator(second), signed_in(reader), accounts.new_link(audit.COMMAND)
    address = f"/admin/administrators/{second.pk}"
    assert "Disable Eve" in text(admin.get(address))
    refused = admin.post(address, {"access": "disable", "password": "wrong"})
    assert (refused.status_code, "This password is not right" in text(refused)) == (400, True)
    assert theirs.get("/admin/").status_code == 200
    key = theirs.cookies["foveate"].value
    assert admin.post(address, {"access": "disable", "password": PASSWORD})["Location"] == "/admin/administrators"
    theirs.cookies["foveate"] = key
    assert theirs.get("/admin/")["Location"] == SIGN_IN
    assert Client().post(SIGN_IN, {"name": "Eve", "password": PASSWORD}).status_code == 400
    assert not accounts.usable(link)
    assert own.get("/steps").status_code == 200  # nobody else is signed out
    assert "Let Eve in again" in text(admin.get(address))
    admin.post(address, {"access": "enable", "password": PASSWORD})
    theirs.cookies["foveate"] = key
    assert theirs.get("/admin/")["Location"] == SIGN_IN  # a session of before does not come back
    assert Client().post(SIGN_IN, {"name": "Eve", "password": PASSWORD}).status_code == 302
    log = [(one.action, one.subject) for one in AuditEntry.objects.filter(action__startswith="account ")]
    assert log == [(f"account {deed}d", audit.administrator(second.pk)) for deed in ("disable", "enable")]


def test_nobody_disables_themselves_and_of_two_one_stays(admin: Client, user: User, second: User) -> None:
    answer = admin.post(f"/admin/administrators/{user.pk}", {"access": "disable", "password": PASSWORD})
    assert (answer.status_code, "You cannot disable your own account" in text(answer)) == (400, True)
    accounts.disable("Eve", audit.administrator(user.pk), by=user)
    with pytest.raises(FoveateError, match="after yours was disabled"):  # whose request was under way
        accounts.disable(NAME, audit.administrator(second.pk), by=second)
    assert accounts.exist()
    assert admin.get("/admin/administrators/99").status_code == 404


def test_a_link_does_not_let_a_disabled_account_in(user: User, second: User) -> None:
    accounts.disable("Eve", audit.COMMAND)
    link = accounts.new_link(audit.COMMAND)
    with pytest.raises(FoveateError, match="--enable NAME"):
        accounts.set_password(link, "Eve", NEW)
    assert accounts.usable(link)


# The password again


def test_erasing_asks_for_the_password(admin: Client, reader: Reader) -> None:
    address = f"/admin/readers/{reader.public_id}/erase"
    for form in ({"sure": "yes"}, {"sure": "yes", "password": "wrong"}, {"password": PASSWORD}):
        assert admin.post(address, form).status_code == 400
    assert Reader.objects.filter(pk=reader.pk).exists()
    assert "reader erased" not in actions()
    assert 'type="password"' in text(admin.get(address))


def test_replacing_the_information_asks_for_the_password(admin: Client, reader: Reader) -> None:
    before = ConsentText.objects.count()
    refused = admin.post("/admin/information", {"text": "The next version.", "password": "wrong"})
    assert (refused.status_code, "This password is not right" in text(refused)) == (400, True)
    assert "The next version." in text(refused)  # nothing typed is lost
    assert ConsentText.objects.count() == before
