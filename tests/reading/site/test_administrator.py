"""The administrator's pages: who comes in, what is asked again, and that they stay blind until they may see."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from foveate.reading import cases_and_key, results
from foveate.reading.site import accounts, audit, backup, enrolment, middleware, state, throttle
from foveate.reading.site.administrator import overview_views, urls
from foveate.reading.site.models import AdministratorLink, AuditEntry, ConsentText, Invitation, Reader, Reply
from tests.reading.site.test_reader_views import field, send, signed_in, text

NAME, PASSWORD = "Ada", "a long and quiet sentence"
SIGN_IN = "/admin/sign-in"


@pytest.fixture
def user(database: Path) -> User:
    return User.objects.create(username=NAME, password=hashed())


@cache
def hashed() -> str:
    """Argon2 takes its time."""
    return make_password(PASSWORD)


@pytest.fixture
def admin(user: User) -> Client:
    return as_administrator(user)


@pytest.fixture
def cleared(place: Path) -> Iterator[Path]:
    """OUT/reading; what a test leaves in it is taken away."""
    yield place
    for name in (results.FOLDER, backup.FOLDER):
        shutil.rmtree(place / name, ignore_errors=True)
    (place / enrolment.ERASED).unlink(missing_ok=True)


def as_administrator(user: User) -> Client:
    client = Client(REMOTE_ADDR="10.0.0.3")
    client.force_login(user)
    session = client.session
    session[middleware.BEGAN] = session[middleware.SEEN] = timezone.now().timestamp()
    session.save()
    return client


def addresses(reader: Reader, place: Path) -> dict[str, str]:
    """Every address of the administrator's pages, by name."""
    values = {"token": "x" * 43, "public_id": reader.public_id, "name": cases_and_key.read_cases(place)[0].name}
    found = {}
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        assert pattern.name
        found[pattern.name] = reverse(pattern.name, kwargs={key: values[key] for key in pattern.pattern.converters})
    assert len(found) == len(urls.urlpatterns) == 20
    return found


def rows() -> dict[str, list[Any]]:
    """All that the database holds."""
    return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in apps.get_models()}


def actions() -> list[str]:
    return list(AuditEntry.objects.values_list("action", flat=True))


def link() -> str:
    return f"/admin/first/{accounts.new_link(audit.COMMAND)}"


def given(password: str = PASSWORD, again: str | None = None, name: str = NAME) -> dict[str, str]:
    return {"name": name, "password": password, "again": password if again is None else again}


# Coming in


def test_the_first_link_works_once(client: Client) -> None:
    first = link()
    assert client.get(first).status_code == 200  # looking uses nothing up
    assert client.post(first, given())["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    user = User.objects.get()
    assert user.username == NAME
    assert user.password.startswith("argon2$argon2id$")
    for again in (Client().get(first), Client().post(first, given("another long sentence"))):
        assert again.status_code == 410
        assert "works once" in text(again)
    assert User.objects.get().password == user.password
    assert actions()[-3:] == ["administrator's link made", "account made", "signed in"]


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
    assert client.post(first, given("ab " * 85)).status_code == 302  # 255 characters


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
    assert guesser.post(SIGN_IN, {"name": NAME, "password": PASSWORD}).status_code == 429
    assert Client(REMOTE_ADDR="10.0.0.67").post(SIGN_IN, {"name": NAME, "password": PASSWORD}).status_code == 302


def test_guessing_from_many_addresses_is_slowed_down_too(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(accounts, "authenticate", lambda **_: None)  # as for a wrong password, without its time
        for number in range(throttle.ACCOUNT.size):
            client = Client(REMOTE_ADDR=f"10.0.1.{number}")
            assert client.post(SIGN_IN, {"name": NAME.upper(), "password": "x"}).status_code == 400
    assert Client(REMOTE_ADDR="10.0.2.1").post(SIGN_IN, {"name": NAME, "password": PASSWORD}).status_code == 429


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


# Who may do what


def test_readers_and_strangers_open_no_page(reader: Reader, place: Path) -> None:
    for who in (signed_in(reader), Client()):
        before = rows()
        for name, address in addresses(reader, place).items():
            for response in (who.get(address), who.post(address, {"password": PASSWORD, "sure": "yes"})):
                if name == "admin-first":
                    assert response.status_code == 410
                elif name == "admin-sign-in":
                    assert response.status_code in (200, 400)
                else:
                    assert response.status_code == 405 or response["Location"] == SIGN_IN, name
                assert reader.pseudonym not in text(response)
        after = rows()
        for own in ("AuditEntry", "Bucket", "Session"):  # a password was refused
            del before[own], after[own]
        assert after == before


def test_an_administrator_is_no_reader(admin: Client, reader: Reader) -> None:
    slot = reader.showings.all()[0].slots.all()[1]
    for address in ("/steps", "/step/1", f"/picture/{slot.token}", "/code", "/information", "/about-you", "/withdraw"):
        assert admin.get(address)["Location"] == "/return", address
    assert admin.post("/step/1", {"choice": "A"})["Location"] == "/return"
    assert admin.post("/withdraw", {"answers": "delete"})["Location"] == "/return"
    assert Reader.objects.get().withdrawn_at is None


def test_looking_changes_nothing(admin: Client, reader: Reader, place: Path) -> None:
    addresses_ = addresses(reader, place) | {
        "first": link(),
        "asked": "/admin/plan?readers=1&cases=2&models=2&win=1&common=0",
    }
    before, files = rows(), sorted(place.rglob("*"))
    statuses = {name: admin.get(address).status_code for name, address in addresses_.items()}
    assert rows() == before
    assert sorted(place.rglob("*")) == files
    assert {name for name, status in statuses.items() if status == 405} == {
        "admin-sign-out", "admin-reader-link", "admin-reader-revoke", "admin-reader-code",
    }  # fmt: skip
    assert {status for status in statuses.values() if status != 405} == {200, 302, 410}


def test_forms_from_elsewhere_are_refused(admin: Client, reader: Reader, place: Path) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    before = rows()
    data = {"password": PASSWORD, "sure": "yes", "looked": "yes", "text": "x", "pseudonym": "reader-2", "days": "3"}
    for address in addresses(reader, place).values():
        assert strict.post(address, data).status_code in (403, 405), address
    data["csrfmiddlewaretoken"] = field(text(strict.get("/admin/readers")), "csrfmiddlewaretoken")
    foreign = {"Origin": "https://evil.example"}
    assert strict.post("/admin/readers", data, headers=foreign).status_code == 403
    assert rows() == before
    assert strict.post("/admin/readers", data, headers={"Origin": "http://testserver"}).status_code == 200
    assert Reader.objects.count() == 2


# Setting up and inviting


def invite(admin: Client, **other: str) -> Any:
    return admin.post("/admin/readers", {"pseudonym": "reader-7", "dataset": "mri", "days": "30", **other})


def test_what_must_come_first_is_said(admin: Client) -> None:
    state.put_in_consent(audit.COMMAND, "DRAFT", draft=True)
    assert "Nobody has confirmed yet" in text(admin.get("/admin/readers"))
    response = invite(admin)
    assert response.status_code == 400
    assert "Nobody has confirmed yet" in text(response)
    assert "is a DRAFT" in text(response)
    assert admin.post("/admin/sheet").status_code == 400
    assert state.state().sheet_confirmed_at is None
    assert admin.post("/admin/sheet", {"looked": "yes"})["Location"] == "/admin/"
    assert invite(admin).status_code == 400
    assert admin.post("/admin/information", {"text": "Approved."})["Location"] == "/admin/information"
    assert invite(admin).status_code == 200
    assert actions()[-3:] == ["contact sheet confirmed", "information put in", "reader invited"]


def test_a_link_is_shown_once(ready: Path, admin: Client) -> None:
    shown = text(invite(admin))
    found = re.search(r"http://127\.0\.0\.1:8000/invitation/([\w-]{43})", shown)
    assert found
    again = "".join(text(admin.get(address)) for address in ("/admin/readers", "/admin/", "/admin/log"))
    assert found[1] not in again
    assert found[1] not in str(rows())
    reader = Reader.objects.get()
    assert enrolment.usable(found[1]) == Invitation.objects.get()
    other = text(admin.post(f"/admin/readers/{reader.public_id}/link"))
    second = re.search(r"/invitation/([\w-]{43})", other)
    assert second
    assert enrolment.redeem(found[1]) is None
    assert enrolment.redeem(second[1]) == reader


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"dataset": "heads"}, "There is no data set &#x27;heads&#x27;: choose one of mri"),
        ({"days": "0"}, "good for 1 to 365 days"),
        ({"days": "366"}, "good for 1 to 365 days"),
        ({"days": "-1"}, "Say for how many days"),
        ({"days": "٣"}, "Say for how many days"),
        ({"pseudonym": "jane@example.org"}, "no e-mail address"),
        ({"pseudonym": "<script>alert(1)</script>"}, "&lt;script&gt;"),
        ({"pseudonym": "x" * 1000}, "A pseudonym has 1 to 60 letters"),
    ],
)
def test_forged_invitations_are_refused(ready: Path, admin: Client, form: dict[str, str], says: str) -> None:
    response = invite(admin, **form)
    assert response.status_code == 400
    assert says in text(response)
    assert "<script>alert" not in text(response)
    assert not Reader.objects.exists()


def test_revoking_ends_link_code_and_sessions(ready: Path, admin: Client, reader: Reader) -> None:
    code = enrolment.new_code(reader, audit.COMMAND)
    own = signed_in(reader)
    other, token = enrolment.invite("reader-2", None, audit.COMMAND)
    for public_id in (reader.public_id, other.public_id, "nobody"):
        response = admin.post(f"/admin/readers/{public_id}/revoke")
        assert response.status_code == (404 if public_id == "nobody" else 302)
    assert enrolment.by_code(code) is None
    assert enrolment.redeem(token) is None
    assert own.get("/steps")["Location"] == "/return"
    assert Reader.objects.count() == 2
    made = re.search(r"(?:[2-9A-Z]{4}-){5}[2-9A-Z]{4}", text(admin.post(f"/admin/readers/{reader.public_id}/code")))
    assert made
    assert enrolment.by_code(made[0]) == reader
    assert admin.post(f"/admin/readers/{other.public_id}/code").status_code == 400  # has not begun
    assert admin.post(f"/admin/readers/{reader.public_id}/link").status_code == 400  # has begun


def test_erasing_names_the_backups(admin: Client, reader: Reader, cleared: Path) -> None:
    folder = cleared / backup.FOLDER
    folder.mkdir()
    for name, readers in (("old", [reader.public_id]), ("older", ["0" * 12])):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            about = {"fingerprint": "", "made_at": "2026-01-01T00:00:00+00:00", "readers": readers}
            archive.writestr("about.json", json.dumps(about))
            archive.writestr("answers.json", "[]")
    (folder / "broken.zip").write_bytes(b"PK")
    page = text(admin.get(f"/admin/readers/{reader.public_id}/erase"))
    assert str(folder / "old.zip") in page
    assert "older.zip" not in page
    assert "old.zip" in text(admin.get("/admin/backup"))
    assert admin.post(f"/admin/readers/{reader.public_id}/erase").status_code == 400
    assert Reader.objects.exists()
    assert admin.post(f"/admin/readers/{reader.public_id}/erase", {"sure": "yes"})["Location"] == "/admin/readers"
    assert not Reader.objects.exists()
    assert list(enrolment.erased()) == [reader.public_id]


def test_information_has_versions(admin: Client, reader: Reader) -> None:
    own = signed_in(reader)
    for wrong, says in (("", "1 to 50,000"), ("x" * 50_001, "1 to 50,000"), ("A DRAFT", "still says DRAFT")):
        response = admin.post("/admin/information", {"text": wrong})
        assert response.status_code == 400
        assert says in text(response)
    assert own.get("/step/1").status_code == 200
    assert "One reader has agreed to a version" in text(admin.get("/admin/information"))
    nasty = "Über <b>alles</b>\r\n\r\nwords \0"
    assert admin.post("/admin/information", {"text": nasty}).status_code == 302
    assert own.get("/step/1")["Location"] == "/information"
    assert "&lt;b&gt;alles" in text(own.get("/information"))
    texts = list(ConsentText.objects.order_by("version"))
    assert [(one.version, one.draft) for one in texts] == [(1, False), (2, False)]
    assert texts[1].text == "Über <b>alles</b>\n\nwords"
    assert reader.consent == texts[0]
    assert texts[0].text != texts[1].text
    entry = AuditEntry.objects.last()
    assert entry
    assert entry.subject == f"version 2, sha256 {texts[1].sha256[:16]}"


def test_the_contact_sheet_shows_no_heat_map(admin: Client, place: Path) -> None:
    key = cases_and_key.read_key(place)
    shown = admin.get(f"/admin/sheet/{key[0].name}")
    assert bytes(shown.content) == (place / "images" / f"{key[0].name}.png").read_bytes()
    assert shown["Cache-Control"] == "private, no-store"
    for other in (key[0].layer, "key", "..%2Fkey%2Fkey.csv", "x" * 32, f"{key[0].name}.png"):
        assert admin.get(f"/admin/sheet/{other}").status_code == 404
    assert bytes(admin.get("/admin/sheet/image").content).startswith(b"\x89PNG")
    page = text(admin.get("/admin/sheet"))
    assert all(row.name in page for row in key)
    assert not any(row.layer in page for row in key)


# Blind, until it is not


def answered(reader: Reader) -> Client:
    """A reader who has answered the first five steps, three of which count."""
    own = signed_in(reader)
    for place_, choice in enumerate(("A", "B", "C", "none", "cannot judge"), start=1):
        assert send(own, place_, choice=choice, description="=cmd and Wort").status_code == 302
    return own


def opened(response: Any) -> dict[str, str]:
    """The files of a ZIP that was downloaded."""
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"].startswith('attachment; filename="reading-')
    with zipfile.ZipFile(io.BytesIO(bytes(response.content))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_pages_and_export_are_blind(admin: Client, reader: Reader, cleared: Path) -> None:
    answered(reader)
    key = cases_and_key.read_key(cleared)
    told = {"resnet", "cbam", "+se", "+gc", str(cases_and_key.read_seed(cleared))}
    told |= {row.case for row in key} | {row.layer for row in key} | {row.truth for row in key}
    pages = {
        name: text(response)
        for name, address in addresses(reader, cleared).items()
        if (response := admin.get(address)).status_code == 200 and response["Content-Type"] != "image/png"
    }
    assert len(pages) == 12
    files = opened(admin.post("/admin/export", {"password": PASSWORD}))
    assert sorted(files) == ["answers-mri.csv", "answers-mri.json", "codebook.md"]
    for name, page in (pages | files).items():
        assert not [word for word in told if word in page.lower()], name
    lines = files["answers-mri.csv"].splitlines()
    assert [line.split(",")[4] for line in lines] == ["choice_letter", "C", "none", "cannot judge"]
    assert "'=cmd and Wort" in lines[1]
    assert "The study is blind" in pages["admin-results"]


@pytest.mark.parametrize("address", ["/admin/export", "/admin/unblind", "/admin/backup"])
def test_the_password_is_asked_again(
    admin: Client, reader: Reader, cleared: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On PostgreSQL a backup sets its transaction's isolation, which it cannot within a test's.
    about = backup.About("", "", ())
    monkeypatch.setattr(backup, "content", lambda actor: (audit.record(actor, "backup made"), (b"PK", about))[1])
    for wrong in ({}, {"password": "wrong"}, {"password": "wrong", "username": NAME}):
        response = admin.post(address, wrong)
        assert response.status_code == 400
        assert "This password is not right: nothing was done." in text(response)
    assert not {"exported", "unblinded", "backup made"} & set(actions())
    assert state.state().unblinded_at is None
    assert admin.post(address, {"password": PASSWORD}).status_code in (200, 302)
    assert actions()[-1] in ("exported", "unblinded", "backup made")
    assert AuditEntry.objects.last().actor.startswith("administrator:")


def test_passwords_asked_again_cannot_be_tried_for_ever(admin: Client) -> None:
    answers = [admin.post("/admin/export", {"password": "wrong"}).status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]
    assert admin.post("/admin/unblind", {"password": PASSWORD}).status_code == 429
    assert state.state().unblinded_at is None


def test_unblinding_shows_models_and_locks_answers(admin: Client, reader: Reader, cleared: Path) -> None:
    own = answered(reader)
    page = field(text(own.get("/step/6")), "page")
    assert "resnet" not in text(admin.get("/admin/unblind"))
    assert f"{reader.pseudonym}: 3 of 11 cases" in text(admin.get("/admin/unblind"))
    assert admin.post("/admin/unblind", {"password": PASSWORD})["Location"] == "/admin/results"
    at = state.state().unblinded_at
    assert at is not None
    shown = text(admin.get("/admin/results"))
    assert "CBAM" in shown
    assert "How often each model was chosen" in shown
    assert f"by {NAME}" in text(admin.get("/admin/"))
    before = list(Reply.objects.order_by("pk").values_list())
    data = {"page": page, "sequence": "1", "choice": "A"}
    for headers in ({}, {"X-Requested-With": "fetch"}):
        response = own.post("/step/6", data, headers=headers)
        assert response.status_code == 409
        assert "Answers cannot be changed any more" in text(response)
    assert list(Reply.objects.order_by("pk").values_list()) == before
    assert "unblinded: its answers are locked" in text(invite(admin))
    files = opened(admin.post("/admin/export", {"password": PASSWORD}))
    assert {"results/results.json", "long-mri.csv", "all-mri.json", "codebook-mri.md", "redcap-records-mri.csv"} < set(
        files
    )
    assert "resnet18+cbam" in files["long-mri.csv"]
    assert files["results/answers-mri.csv"] == (cleared / "results" / "answers-mri.csv").read_text(encoding="utf-8")
    admin.post("/admin/unblind", {"password": PASSWORD})
    assert state.state().unblinded_at == at
    assert actions().count("unblinded") == 1


def test_a_key_that_is_away_locks_nothing_and_is_said(admin: Client, reader: Reader, cleared: Path) -> None:
    key = cleared / cases_and_key.KEY / cases_and_key.KEY_TABLE
    away = key.rename(key.with_suffix(".away"))
    try:
        response = admin.post("/admin/unblind", {"password": PASSWORD})
        assert response.status_code == 400
        assert "Cannot read" in text(response)
        assert state.state().unblinded_at is None
        assert "unblinded" not in actions()
    finally:
        away.rename(key)


def test_an_unblinded_reader_is_erased_from_the_results(admin: Client, reader: Reader, cleared: Path) -> None:
    answered(reader)
    admin.post("/admin/unblind", {"password": PASSWORD})
    assert reader.pseudonym in (cleared / "results" / "results.json").read_text(encoding="utf-8")
    admin.post(f"/admin/readers/{reader.public_id}/erase", {"sure": "yes"})
    for path in (cleared / "results").iterdir():
        assert reader.pseudonym not in path.read_text(encoding="utf-8")
    assert reader.pseudonym not in text(admin.get("/admin/results"))


def test_the_log_holds_no_texts_and_no_names(admin: Client, reader: Reader) -> None:
    send(signed_in(reader), 1, choice="A", description="the words of a reader")
    invite(admin, pseudonym="reader-8")
    stored = str(rows()["AuditEntry"])
    assert not [word for word in ("the words of", reader.pseudonym, "reader-8", NAME, "10.0.0") if word in stored]
    page = text(admin.get("/admin/log"))
    assert "the words of" not in page
    assert reader.pseudonym in page  # who it was is looked up
    assert "The chain is whole" in page
    for number in range(100):
        audit.record(audit.COMMAND, "filler", str(number))
    assert "Page 2 of 2" in text(admin.get("/admin/log?page=2"))
    for odd in ("99", "0", "x", "-1", "1e9", ""):
        assert admin.get(f"/admin/log?page={odd}").status_code == 200


@pytest.mark.parametrize(
    "query", ["readers=0", "readers=21", "cases=x", "models=1", "win=nan", "win=2", "win=0.1", "common=-1", "models=27"]
)
def test_absurd_plans_are_refused(admin: Client, query: str) -> None:
    response = admin.get(f"/admin/plan?{query}")
    assert response.status_code == 400
    assert "must be" in text(response) or "more than 0.25" in text(response)
