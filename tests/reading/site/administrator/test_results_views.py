"""Blind until the password is given again, by model afterwards."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from foveate.reading import cases_and_key
from foveate.reading.site import archive, audit, backup, state
from foveate.reading.site.models import AuditEntry, Reader, Reply
from tests.reading.site.administrator.administering import (
    NAME,
    PASSWORD,
    actions,
    addresses,
    invite,
    rows,
)
from tests.reading.site.test_reader_views import field, send, signed_in, text


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
    assert len(pages) == 15
    files = opened(admin.post("/admin/export", {"password": PASSWORD}))
    assert sorted(files) == ["answers-mri.csv", "answers-mri.json", "codebook.md"]
    for name, page in (pages | files).items():
        assert not [word for word in told if word in page.lower()], name
    lines = files["answers-mri.csv"].splitlines()
    assert [line.replace('"', "").split(",")[4] for line in lines] == ["choice_letter", "C", "none", "cannot judge"]
    assert "'=cmd and Wort" in lines[1]
    assert "The study is blind" in pages["admin-results"]


@pytest.mark.parametrize("address", ["/admin/export", "/admin/unblind", "/admin/backup"])
def test_the_password_is_asked_again(
    admin: Client, reader: Reader, cleared: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On PostgreSQL a backup sets its transaction's isolation, which it cannot within a test's.
    about = archive.About("", "", ())
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
    assert admin.post("/admin/unblind", {"password": "wrong"}).status_code == 429  # the same budget
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
    admin.post(f"/admin/readers/{reader.public_id}/erase", {"sure": "yes", "password": PASSWORD})
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
