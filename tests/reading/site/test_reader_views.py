"""The reader's pages without a browser: who may see what, and what altered requests get."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from foveate.reading import cases_and_key
from foveate.reading.site import access, audit, enrolment, masking, middleware, saving, state, storing, study
from foveate.reading.site.models import AuditEntry, Reader, Reply, Slot


def signed_in(reader: Reader) -> Client:
    client = Client(REMOTE_ADDR="10.0.0.2")
    session = client.session
    session[access.READER], session[access.EPOCH] = reader.pk, reader.epoch
    session[middleware.BEGAN] = session[middleware.SEEN] = timezone.now().timestamp()
    session.save()
    return client


@pytest.fixture
def own(reader: Reader) -> Client:
    return signed_in(reader)


@pytest.fixture
def other(reader: Reader) -> Reader:
    """Somebody else who reads the same cases."""
    made, _ = enrolment.invite("reader-2", None, audit.COMMAND)
    Reader.objects.filter(pk=made.pk).update(consent=state.consent(), consented_at=timezone.now())
    enrolment.enrol(made)
    return Reader.objects.get(pk=made.pk)


def text(response: Any) -> str:
    return bytes(response.content).decode()


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
    assert found, name
    return found[1]


def send(client: Client, place: int, by_script: bool = False, **given: str) -> Any:
    """Open a step and send its form with these answers."""
    page = text(client.get(f"/step/{place}"))
    data = {"page": field(page, "page"), "base": field(page, "base"), "sequence": "1"}
    headers = {"X-Requested-With": "fetch"} if by_script else {}
    return client.post(f"/step/{place}", data | given, headers=headers)


def test_a_whole_reading_by_forms(ready: Path, client: Client) -> None:
    made, token = enrolment.invite("reader-1", None, audit.COMMAND)
    assert "no-store" in client.get(f"/invitation/{token}")["Cache-Control"]
    assert client.get("/steps")["Location"] == "/return"  # looking at the link used nothing up
    assert client.post(f"/invitation/{token}")["Location"] == "/information"
    assert client.get("/steps")["Location"] == "/information"
    version = field(text(client.get("/information")), "version")
    assert client.post("/information", {"version": version}).status_code == 400  # the box is not ticked
    assert client.post("/information", {"version": version, "agree": "yes"})["Location"] == "/about-you"
    assert client.post("/about-you", {"speciality": "astrology", "years": "0", "display": "laptop"}).status_code == 400
    shown = client.post("/about-you", {"speciality": "radiology", "years": "5-9", "display": "laptop"})
    code = re.search(r"(?:[2-9A-Z]{4}-){5}[2-9A-Z]{4}", text(shown))
    assert code
    assert enrolment.by_code(code[0]) == made
    for place in range(1, 14):
        response = send(client, place, choice="ABCD"[place % 4], description=f"case {place}")
        assert response["Location"] == f"/step/{place + 1}"
    assert "final" in text(client.get("/step/14"))
    assert send(client, 14, summary="all in all", go="finish")["Location"] == "/done"
    assert client.get("/done").status_code == 200
    assert client.get("/step/3")["Location"] == "/done"
    done = Reader.objects.get()
    assert done.finished_at is not None
    assert Reply.objects.filter(question="choice").count() == 13
    assert [row.action for row in AuditEntry.objects.filter(actor__startswith="reader:")] == [
        "link redeemed", "agreed", "enrolled", "finished",
    ]  # fmt: skip


def test_a_used_or_wrong_link_says_so(ready: Path, client: Client) -> None:
    _, token = enrolment.invite("reader-1", None, audit.COMMAND)
    client.post(f"/invitation/{token}")
    for again in (Client().get(f"/invitation/{token}"), Client().post(f"/invitation/{token}")):
        assert again.status_code == 410
        assert "works once" in text(again)
    assert Client().get(f"/invitation/{'x' * 43}").status_code == 410


def test_guessing_links_and_codes_is_slowed_down(ready: Path) -> None:
    guesser = Client(REMOTE_ADDR="10.0.0.66")
    answers = [guesser.post("/return", {"code": f"{number:024}"}).status_code for number in range(12)]
    assert answers == [400] * 10 + [429] * 2
    assert guesser.post("/invitation/abc").status_code == 429
    reader, _ = enrolment.invite("reader-1", None, audit.COMMAND)
    code = enrolment.enrol(reader)
    assert Client(REMOTE_ADDR="10.0.0.67").post("/return", {"code": code}).status_code == 302  # others go on


def test_forms_from_elsewhere_are_refused(reader: Reader) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = signed_in(reader).cookies
    page = text(strict.get("/step/1"))
    data = {"page": field(page, "page"), "sequence": "1", "choice": "A"}
    assert strict.post("/step/1", data).status_code == 403
    data["csrfmiddlewaretoken"] = field(page, "csrfmiddlewaretoken")
    assert strict.post("/step/1", data, headers={"Origin": "https://evil.example"}).status_code == 403
    assert not Reply.objects.exists()
    assert strict.post("/step/1", data, headers={"Origin": "http://testserver"}).status_code == 302
    assert Reply.objects.count() == 1


def test_a_form_sent_twice_is_one_answer(own: Client) -> None:
    page = field(text(own.get("/step/1")), "page")
    for _ in range(2):
        assert own.post("/step/1", {"page": page, "sequence": "1", "choice": "A"})["Location"] == "/step/2"
    assert Reply.objects.get().revisions == 1


@pytest.mark.parametrize(
    "altered",
    [
        {"choice": "E"},
        {"choice": "resnet18"},
        {"page": "x"},
        {"sequence": "-1"},
        {"sequence": "9" * 30},
        {"sequence": "١"},
        {"active": "1e9"},
    ],
)
def test_what_the_page_did_not_hand_out_is_refused(own: Client, altered: dict[str, str]) -> None:
    response = send(own, 1, False, **({"choice": "A"} | altered))
    assert response.status_code == 400
    assert not Reply.objects.exists()


def test_a_text_of_a_megabyte_is_refused_with_a_page(own: Client) -> None:
    for size in (10_001, 1_000_000):
        response = send(own, 1, choice="A", description="x" * size)
        assert response.status_code == 413
        assert "10,000 characters" in text(response)
        response = send(own, 1, by_script=True, choice="A", description="x" * size)
        assert (response.status_code, "10,000" in response.json()["text"]) == (413, True)
    assert not Reply.objects.exists()


def test_texts_are_shown_as_text(own: Client) -> None:
    nasty = '<script>alert(1)</script>"><img src=x onerror=y> =cmd|x \u202e'
    send(own, 1, choice="A", description=nasty)
    page = text(own.get("/step/1"))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert escape(nasty.strip()) in page


def test_nobody_sees_another_readers_pictures_or_steps(own: Client, reader: Reader, other: Reader) -> None:
    for slot in Slot.objects.filter(showing__place=1):
        response = own.get(f"/picture/{slot.token}")
        assert response.status_code == (200 if slot.showing.reader_id == reader.pk else 404)
    assert own.get("/step/99").status_code == 404
    assert own.get("/picture/../key/key.csv").status_code == 404
    foreign = other.showings.all()[0]
    page = saving.open_page(foreign)
    assert own.post("/step/1", {"page": page, "sequence": "1", "choice": "A"}).status_code == 400
    assert not Reply.objects.exists()


def test_later_steps_and_their_pictures_are_closed(own: Client, reader: Reader) -> None:
    later = reader.showings.all()[1]
    assert own.get("/step/2")["Location"] == "/steps"
    assert own.get(f"/picture/{later.slots.all()[0].token}").status_code == 404
    page = saving.open_page(later)
    response = own.post(
        "/step/2", {"page": page, "sequence": "1", "choice": "A"}, headers={"X-Requested-With": "fetch"}
    )
    assert response.status_code == 409
    send(own, 1, choice="A")
    assert own.get("/step/2").status_code == 200


def test_pictures_tell_nothing_but_their_pixels(own: Client, reader: Reader, place: Path) -> None:
    send(own, 1, choice="A")
    heads = []
    for slot in reader.showings.all()[1].slots.exclude(letter=""):
        response = own.get(f"/picture/{slot.token}")
        assert bytes(response.content) == (place / "images" / f"{masking.file_of(slot)}.png").read_bytes()
        heads.append({name: value for name, value in response.items() if name != "Content-Length"})
        assert not {"ETag", "Last-Modified", "Content-Disposition"} & set(response.headers)
    assert heads[0]["Cache-Control"] == "private, no-store"
    assert all(head == heads[0] for head in heads)


def test_no_page_tells_case_model_truth_or_repeat(own: Client, reader: Reader, place: Path) -> None:
    key = cases_and_key.read_key(place)
    told = {"resnet", "cbam", "lesion", "repeat", reader.public_id}
    told |= {row.case for row in key} | {row.name for row in key} | {row.layer for row in key}
    for showing in reader.showings.exclude(kind="end"):
        page = text(own.get(f"/step/{showing.place}"))
        assert not [word for word in told if word in page.lower()]
        send(own, showing.place, choice="A")
    assert not [word for word in told if word in text(own.get("/steps")).lower()]


def test_cases_look_alike_but_for_their_pictures_and_numbers(own: Client, reader: Reader) -> None:
    """A repeat is told by nothing, nor is a letter by its place in the page."""
    plain = []
    for showing in reader.showings.exclude(kind="end"):
        page = text(own.get(f"/step/{showing.place}"))
        if showing.kind != "practice":
            for secret in [slot.token for slot in showing.slots.all()]:
                page = page.replace(secret, "")
            page = re.sub(r'(name="(?:csrfmiddlewaretoken|page)" value=)"[^"]*"', r"\1", page)
            page = re.sub(r'(width|height|value|max|aria-valuenow|data-\w+)="\d+"', r"\1", page)
            plain.append(re.sub(r"\d+", "0", page))
        send(own, showing.place, choice="A")
    assert len(plain) == 11
    assert len(set(plain)) == 1


def test_a_changed_picture_is_not_shown(own: Client, reader: Reader, place: Path) -> None:
    slot = reader.showings.all()[0].slots.all()[1]
    file = place / "images" / f"{masking.file_of(slot)}.png"
    before = file.read_bytes()
    try:
        file.write_bytes(before[:-1] + b"x")
        response = own.get(f"/picture/{slot.token}")
        assert response.status_code == 503
        assert str(place) not in text(response)
    finally:
        file.write_bytes(before)


def test_an_ended_session_is_signed_out(own: Client, reader: Reader) -> None:
    assert own.get("/steps").status_code == 200
    enrolment.revoke(reader, audit.COMMAND)
    assert own.get("/steps")["Location"] == "/return"
    response = own.post("/step/1", headers={"X-Requested-With": "fetch"})
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("key", "ago"), [(middleware.SEEN, timedelta(hours=13)), (middleware.BEGAN, timedelta(days=31))]
)
def test_sessions_age(reader: Reader, key: str, ago: timedelta) -> None:
    client = signed_in(reader)
    session = client.session
    session[key] = (timezone.now() - ago).timestamp()
    session.save()
    assert client.get("/steps")["Location"] == "/return"


def test_leaving_ends_the_session(own: Client) -> None:
    assert own.get("/leave").status_code == 405
    own.post("/leave")
    assert own.get("/steps")["Location"] == "/return"


def test_new_information_is_agreed_to_before_going_on(own: Client) -> None:
    old = state.consent()
    state.put_in_consent(audit.COMMAND, "Another text.")
    assert own.get("/step/1")["Location"] == "/information"
    response = own.post("/information", {"version": str(old.version), "agree": "yes"})
    assert response.status_code == 400
    assert "changed while you read" in text(response)
    response = own.post("/information", {"version": str(old.version + 1), "agree": "yes"})
    assert response["Location"] == "/steps"


def test_withdrawing_keeps_or_deletes(own: Client, reader: Reader, other: Reader, place: Path) -> None:
    send(own, 1, choice="A")
    assert own.post("/withdraw").status_code == 400
    own.post("/withdraw", {"answers": "keep"})
    assert Reader.objects.get(pk=reader.pk).withdrawn_at is not None
    assert Reply.objects.filter(showing__reader=reader).count() == 1
    assert own.get("/steps")["Location"] == "/return"
    try:
        signed_in(other).post("/withdraw", {"answers": "delete"})
        assert not Reader.objects.filter(pk=other.pk).exists()
        assert other.public_id in enrolment.erased()
    finally:
        (place / enrolment.ERASED).unlink(missing_ok=True)


def test_a_database_that_cannot_write_is_a_page(own: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.utils import OperationalError

    def full(*_: object) -> HttpResponse:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(storing, "store", full)
    response = send(own, 1, choice="A")
    assert response.status_code == 503
    assert "could not be stored" in text(response)
    response = send(own, 1, by_script=True, choice="A")
    assert (response.status_code, response.json()["error"]) == (503, "The answer could not be stored")


def test_every_answer_of_the_server_has_its_headers(own: Client) -> None:
    for address in ("/", "/return", "/steps", "/step/1", "/nothing", "/invitation/x"):
        response = own.get(address)
        assert response["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_pages_have_no_inline_code_and_nothing_from_elsewhere(own: Client) -> None:
    for address in ("/return", "/steps", "/step/1", "/code", "/withdraw", "/information"):
        page = text(own.get(address))
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"<style|\sstyle=|\son\w+=", page)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_the_questions_are_the_papers(own: Client) -> None:
    page = text(own.get("/step/1"))
    assert study.choice().text == "Which model focuses on the most important region?"
    assert "Which model focuses on the most important region?" in page
    assert "Explain the answer in condensed clinical terminology" in page
