"""What readers are told is true: of the colours, of healthy images, of the letters, and of when they are done."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from foveate.reading.site import access, middleware, saving, study
from foveate.reading.site.models import Reader

HEALTHY = "Some images may show no disease. There the region that matters is what you look at to rule disease out."


def as_reader(client: Client, reader: Reader) -> Client:
    session = client.session
    session[access.READER], session[access.EPOCH] = reader.pk, reader.epoch
    session[middleware.BEGAN] = session[middleware.SEEN] = timezone.now().timestamp()
    session.save()
    return client


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


@pytest.mark.parametrize("address", ["/steps", "/step/1"])
def test_colours_are_of_the_true_diagnosis(client: Client, reader: Reader, address: str) -> None:
    """Heat-maps are of the true class, also of images that a model got wrong: not of the model's answer."""
    page = text(as_reader(client, reader), address)
    assert (
        "shows what spoke for the true diagnosis in the eyes of its model, also where that model decided otherwise"
        in page
    )
    assert "what is not coloured did not speak for it" in page
    assert "the model's answer" not in page


def test_the_invitation_speaks_of_the_true_diagnosis(place: Path) -> None:
    for file in ("templates/reading/invitation.html", "consent-draft.txt"):
        words = " ".join((Path(saving.__file__).parent / file).read_text(encoding="utf-8").split())
        assert "what spoke most for the true diagnosis" in words or "that spoke most for the true diagnosis" in words
        assert "for their answer" not in words


def test_readers_are_told_what_to_look_at_where_there_is_no_disease(
    client: Client, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HEALTHY in text(as_reader(client, reader), "/steps")
    own = study.dataset(reader.dataset)
    monkeypatch.setattr(study, "dataset", lambda name: own.model_copy(update={"healthy": False}))
    assert HEALTHY not in text(client, "/steps")


def test_the_letters_are_those_of_the_study(client: Client, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the heat-maps of 4 models, which are computer programs, under the letters A, B, C, D." in text(
        as_reader(client, reader), "/steps"
    )
    own = study.dataset(reader.dataset)
    monkeypatch.setattr(study, "dataset", lambda name: own.model_copy(update={"models": 2}))
    assert "under the letters A, B." in text(client, "/steps")


def test_a_reader_who_has_answered_all_is_told_what_is_left(client: Client, reader: Reader) -> None:
    left = "You have finished only when you press “Finish” on the last page."
    assert left not in text(as_reader(client, reader), "/steps")
    for showing in reader.showings.exclude(kind="end"):
        page = saving.read_page(saving.open_page(showing), showing)
        saving.save(reader, showing, page, {"choice": "A"}, 1, 10)
    page_text = text(client, "/steps")
    assert left in page_text
    assert "To the end of the study" in page_text
    saving.finish(reader)
    assert left not in text(client, "/steps")
