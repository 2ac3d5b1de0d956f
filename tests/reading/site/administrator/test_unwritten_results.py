"""Results that could not be written when the study was unblinded are offered again, with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from foveate.reading import results
from foveate.reading.site import state, unblinding
from foveate.reading.site.models import Reader
from tests.reading.site.administrator.administering import PASSWORD, actions
from tests.reading.site.administrator.test_results_views import answered, opened
from tests.reading.site.test_reader_views import text

AGAIN = "Write the results again"


@pytest.fixture
def blocked(cleared: Path) -> Iterator[Path]:
    """A file where the folder of the results should be: nobody can write there, the superuser neither."""
    folder = cleared / results.FOLDER
    folder.write_text("in the way", encoding="utf-8")
    yield folder
    folder.unlink() if folder.is_file() else shutil.rmtree(folder, ignore_errors=True)


def test_unblinding_is_finished_from_the_page(admin: Client, reader: Reader, blocked: Path) -> None:
    answered(reader)
    assert AGAIN not in text(admin.get("/admin/unblind"))
    refused = admin.post("/admin/unblind", {"password": PASSWORD})
    assert refused.status_code == 400
    assert state.state().unblinded_at is not None
    for page in (refused, admin.post("/admin/results")):
        assert page.status_code == 400
        assert f"Cannot write {blocked}: File exists" in text(page)
        assert AGAIN in text(page)
    for address in ("/admin/results", "/admin/unblind", "/admin/export"):
        assert AGAIN in text(admin.get(address))
    assert "CBAM" in text(admin.get("/admin/results"))  # what the answers say is shown meanwhile
    assert "results/results.json" in opened(admin.post("/admin/export", {"password": PASSWORD}))

    blocked.unlink()
    assert admin.post("/admin/results")["Location"] == "/admin/results"
    assert unblinding.results_are_written()
    for address in ("/admin/results", "/admin/unblind", "/admin/export"):
        assert AGAIN not in text(admin.get(address))
    assert actions().count("unblinded") == 1


def test_nothing_is_written_while_the_study_is_blind(admin: Client, reader: Reader, cleared: Path) -> None:
    assert admin.post("/admin/results").status_code == 200
    assert not (cleared / results.FOLDER).exists()


def test_results_that_were_changed_are_written_anew(admin: Client, reader: Reader, cleared: Path) -> None:
    answered(reader)
    admin.post("/admin/unblind", {"password": PASSWORD})
    path = cleared / results.FOLDER / "answers-mri.csv"
    whole = path.read_bytes()
    for damage in (whole.replace(b"none", b"A"), whole[:-9], b"\xff", None):
        path.unlink() if damage is None else path.write_bytes(damage)
        assert AGAIN in text(admin.get("/admin/results"))
        admin.post("/admin/results")
        assert path.read_bytes() == whole


def test_a_reader_who_cannot_be_erased_from_the_results_is_told_of(
    admin: Client, reader: Reader, cleared: Path
) -> None:
    answered(reader)
    admin.post("/admin/unblind", {"password": PASSWORD})
    folder = cleared / results.FOLDER
    kept = folder.rename(cleared / "kept")
    folder.write_text("in the way", encoding="utf-8")
    try:
        page = admin.post(f"/admin/readers/{reader.public_id}/erase", {"sure": "yes", "password": PASSWORD})
        assert "is erased from the database, but may still stand in the folder results" in text(page)
        assert not Reader.objects.filter(pk=reader.pk).exists()
    finally:
        folder.unlink()
        kept.rename(folder)
    assert AGAIN in text(admin.get("/admin/results"))
    admin.post("/admin/results")
    assert not [path for path in folder.iterdir() if reader.pseudonym in path.read_text(encoding="utf-8")]
