"""Setting a study up, inviting readers, letting them go."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from django.test import Client

from foveate.reading import cases_and_key
from foveate.reading.site import audit, backup, enrolment, state
from foveate.reading.site.models import AuditEntry, ConsentText, Invitation, Reader
from tests.reading.site.administrator.administering import (
    PASSWORD,
    actions,
    invite,
    rows,
)
from tests.reading.site.test_reader_views import signed_in, text


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
    assert (
        admin.post("/admin/information", {"text": "Approved.", "password": PASSWORD})["Location"]
        == "/admin/information"
    )
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
    data = {"sure": "yes", "password": PASSWORD}
    assert admin.post(f"/admin/readers/{reader.public_id}/erase", data)["Location"] == "/admin/readers"
    assert not Reader.objects.exists()
    assert list(enrolment.erased()) == [reader.public_id]


def test_information_has_versions(admin: Client, reader: Reader) -> None:
    own = signed_in(reader)
    for wrong, says in (("", "1 to 50,000"), ("x" * 50_001, "1 to 50,000"), ("A DRAFT", "still says DRAFT")):
        response = admin.post("/admin/information", {"text": wrong, "password": PASSWORD})
        assert response.status_code == 400
        assert says in text(response)
    assert own.get("/step/1").status_code == 200
    assert "One reader has agreed to a version" in text(admin.get("/admin/information"))
    nasty = "Über <b>alles</b>\r\n\r\nwords \0"
    assert admin.post("/admin/information", {"text": nasty, "password": PASSWORD}).status_code == 302
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
