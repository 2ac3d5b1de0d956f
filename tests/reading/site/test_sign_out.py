"""Whoever sits down at a browser after somebody has signed out finds nothing to go on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from foveate.reading.site import audit, enrolment, forms
from foveate.reading.site.models import AuditEntry, Reader
from tests.reading.site.clicking import CODE
from tests.reading.site.test_reader_views import field, signed_in, text

CLEARED = '"cache", "storage"'
ABOUT = {"speciality": "radiology", "years": "5-9", "display": "laptop"}


@pytest.fixture
def own(reader: Reader) -> Client:
    return signed_in(reader)


def begin(client: Client, token: str) -> None:
    """To About you."""
    client.get(f"/invitation/{token}")
    assert client.post(f"/invitation/{token}")["Location"] == "/information"
    version = field(text(client.get("/information")), "version")
    assert client.post("/information", {"version": version, "agree": "yes"})["Location"] == "/about-you"


def test_the_browser_clears_what_it_kept(own: Client, reader: Reader) -> None:
    left = own.post("/leave")
    assert (left["Location"], left["Clear-Site-Data"]) == ("/return", CLEARED)
    assert own.get("/steps")["Location"] == "/return"


@pytest.mark.parametrize("wish", ["keep", "delete"])
def test_withdrawing_clears_too(own: Client, wish: str, place: Path) -> None:
    assert "Clear-Site-Data" not in own.post("/withdraw")
    try:
        assert own.post("/withdraw", {"answers": wish})["Clear-Site-Data"] == CLEARED
    finally:
        (place / enrolment.ERASED).unlink(missing_ok=True)


def test_other_pages_clear_nothing(own: Client) -> None:
    for address in ("/", "/steps", "/step/1", "/code", "/return", "/withdraw"):
        assert "Clear-Site-Data" not in own.get(address)


def test_a_link_works_again_for_its_browser_until_there_is_a_code(ready: Path, client: Client) -> None:
    """The answer to Begin may be lost: then the link is opened again, or the form is sent again."""
    reader, token = enrolment.invite("reader-1", None, audit.COMMAND)
    begin(client, token)
    client.cookies.pop("foveate")  # that came with the lost answer
    assert client.get(f"/invitation/{token}").status_code == 200
    assert client.post(f"/invitation/{token}")["Location"] == "/information"
    assert client.get("/about-you").status_code == 200
    for other in (Client().get(f"/invitation/{token}"), Client().post(f"/invitation/{token}")):
        assert other.status_code == 410
    client.post("/about-you", ABOUT)
    for again in (client.get(f"/invitation/{token}"), client.post(f"/invitation/{token}")):
        assert again.status_code == 410
    assert [entry.action for entry in AuditEntry.objects.all()].count("link redeemed") == 1
    assert Reader.objects.get() == reader


@pytest.mark.parametrize("end", ["leave", "revoke", "withdraw"])
def test_a_link_does_not_work_again_after_the_end(ready: Path, client: Client, end: str) -> None:
    reader, token = enrolment.invite("reader-1", None, audit.COMMAND)
    begin(client, token)
    if end == "revoke":
        enrolment.revoke(reader, audit.COMMAND)
    else:
        client.post(f"/{end}", {"answers": "keep"})
    assert client.get(f"/invitation/{token}").status_code == 410
    assert client.post(f"/invitation/{token}").status_code == 410
    assert client.get("/about-you")["Location"] == "/return"


def test_a_code_is_shown_again_to_its_own_form_alone(own: Client, reader: Reader) -> None:
    page = text(own.get("/code"))
    form = {"form": field(page, "form")}
    found = CODE.search(text(own.post("/code", form)))
    assert found
    assert found[0] in text(own.post("/code", form))
    elsewhere = Client()
    elsewhere.post("/return", {"code": found[0]})  # even for the reader: another browser has another secret
    other = CODE.search(text(elsewhere.post("/code", form)))
    assert other is None or other[0] != found[0]


def test_a_code_is_not_shown_again_once_it_is_replaced_or_signed_out(own: Client, reader: Reader) -> None:
    form = {"form": field(text(own.get("/code")), "form")}
    assert CODE.search(text(own.post("/code", form)))
    assert CODE.search(text(own.post("/code", {"form": field(text(own.get("/code")), "form")})))
    assert own.post("/code", form)["Location"] == "/code"
    own.post("/leave")
    assert own.post("/code", form)["Location"] == "/return"


def test_a_failure_to_erase_is_not_told_as_done(
    own: Client, reader: Reader, monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    """Withdrawing is noted before it is done, so that the same form finds it afterwards; undone with it."""

    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    form = {"answers": "delete", "form": field(text(own.get("/withdraw")), "form")}
    own.raise_request_exception = False
    with monkeypatch.context() as patched:
        patched.setattr(enrolment, "_note_erased", fail)
        assert own.post("/withdraw", form).status_code == 500
    enrolment.end_sessions(reader)
    assert own.post("/withdraw", form)["Location"] == "/return"
    assert Reader.objects.filter(pk=reader.pk).exists()
    assert forms.KEPT.total_seconds() == 600
