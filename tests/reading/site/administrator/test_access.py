"""Who may open which page, and what looking at it changes: nothing."""

from __future__ import annotations

from pathlib import Path

from django.test import Client

from foveate.reading.site.models import Reader
from tests.reading.site.administrator.administering import (
    PASSWORD,
    SIGN_IN,
    addresses,
    link,
    rows,
)
from tests.reading.site.test_reader_views import field, signed_in, text


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
