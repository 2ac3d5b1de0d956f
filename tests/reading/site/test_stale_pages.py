"""Two pages of the same step: what one saved later is not replaced by the other unless the reader knows of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from foveate.reading.site import saving, storing
from foveate.reading.site.models import Reader, Reply, Showing
from foveate.reading.site.saving import Page
from foveate.reading.site.storing import Saved
from tests.reading.site.test_reader_views import field, signed_in, text


def step(reader: Reader) -> Showing:
    return reader.showings.all()[0]


Tab = Callable[..., Saved]


@pytest.fixture
def opened(reader: Reader) -> Callable[[], Tab]:
    """Open the first step in another tab; the tab sends what it is given as its next save, with what it knew then."""

    def open_tab() -> Tab:
        showing = step(reader)
        page: Page = saving.read_page(saving.open_page(showing), showing)
        base, sequence = storing.revisions(showing), iter(range(1, 1000))

        def send(base: dict[str, int] = base, number: int | None = None, **given: str) -> Saved:
            at = next(sequence) if number is None else number
            return saving.save(reader, showing, page, given, at, 10, base)

        return send

    return open_tab


def stored(reader: Reader) -> dict[str, str]:
    return dict(step(reader).replies.values_list("question", "value"))


def test_an_older_page_does_not_replace_what_another_saved_later(reader: Reader, opened: Callable[[], Tab]) -> None:
    older, newer = opened(), opened()
    newer(description="the newer text")
    refused = older(description="the older text", choice="B")
    assert {name: (one.value, one.revision) for name, one in refused.conflicts.items()} == {
        "description": ("the newer text", 1)
    }
    assert stored(reader) == {"description": "the newer text", "choice": "B"}  # what stands against nothing is kept
    assert refused.revisions == {"choice": 1}
    assert Reply.objects.get(question="description").revisions == 1


def test_a_page_that_was_opened_later_replaces(reader: Reader, opened: Callable[[], Tab]) -> None:
    opened()(description="first")
    assert not opened()(description="second").conflicts
    assert stored(reader) == {"description": "second"}


def test_who_has_seen_the_newer_answer_may_replace_it(reader: Reader, opened: Callable[[], Tab]) -> None:
    older, newer = opened(), opened()
    newer(description="newer")
    seen = older(description="older").conflicts["description"]
    newer(description="newest")
    again = older({"description": seen.revision}, description="older").conflicts
    assert again["description"].value == "newest"
    assert not older({"description": again["description"].revision}, description="older").conflicts
    assert stored(reader) == {"description": "older"}


def test_the_same_answer_from_two_pages_is_no_conflict(reader: Reader, opened: Callable[[], Tab]) -> None:
    one, two = opened(), opened()
    assert one(choice="A").revisions == two(choice="A").revisions == {"choice": 1}
    assert not one({"choice": 1}, choice="B").conflicts
    assert stored(reader) == {"choice": "B"}


def test_emptying_an_answer_that_another_page_wrote_is_a_conflict(reader: Reader, opened: Callable[[], Tab]) -> None:
    opened()(description="first")
    older, newer = opened(), opened()
    newer(description="second")
    assert older(description="").conflicts["description"].value == "second"
    newer(description="")
    assert older(description="third").conflicts["description"].value == ""
    assert stored(reader) == {"description": ""}


def test_a_page_goes_on_from_its_own_saves_whatever_it_knew(reader: Reader, opened: Callable[[], Tab]) -> None:
    """A response that was lost leaves the page with an old base: its own answers are never in conflict."""
    tab = opened()
    for words in ("a", "ab", "abc"):
        assert not tab(description=words).conflicts
    assert not tab(number=2, description="ab").stored  # late
    assert stored(reader) == {"description": "abc"}


def test_a_late_save_of_another_page_is_a_conflict_too(reader: Reader, opened: Callable[[], Tab]) -> None:
    late, other = opened(), opened()
    other(description="other")
    assert late(number=1, description="late").conflicts
    assert stored(reader) == {"description": "other"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", {}),
        ("choice:1 quality.A:12", {"choice": 1, "quality.A": 12}),
        ("choice", None),
        ("choice:-1", None),
        ("choice:١", None),
        ("choice:" + "9" * 20, None),
        (" ".join(f"q{number}:1" for number in range(5000)), None),
    ],
)
def test_what_a_page_knew_is_read_as_it_was_written(written: str, read: dict[str, int] | None) -> None:
    if read is None:
        with pytest.raises(ValueError, match="list of revisions was changed"):
            storing.read(written)
    else:
        assert storing.read(written) == read
        assert storing.written(read) == written


# The pages


def form(page: str, **given: str) -> dict[str, str]:
    return {"page": field(page, "page"), "base": field(page, "base"), "sequence": "1", **given}


@pytest.fixture
def tabs(reader: Reader) -> tuple[Client, str, str]:
    """A reader's browser with the first step open twice."""
    own = signed_in(reader)
    return own, text(own.get("/step/1")), text(own.get("/step/1"))


def test_a_script_is_told_the_newer_answer(tabs: tuple[Client, str, str], reader: Reader) -> None:
    own, older, newer = tabs
    fetch: dict[str, Any] = {"headers": {"X-Requested-With": "fetch"}}
    saved = own.post("/step/1", form(newer, description="newer"), **fetch)
    assert (saved.status_code, saved.json()["revisions"]) == (200, {"description": 1})
    refused = own.post("/step/1", form(older, description="older", choice="C"), **fetch)
    assert refused.status_code == 409
    answer = refused.json()
    assert answer["conflicts"] == {"description": {"value": "newer", "shown": "newer", "revision": 1}}
    assert (answer["revisions"], answer["answered"]) == ({"choice": 1}, 0)
    assert stored(reader) == {"description": "newer", "choice": "C"}


def test_without_a_script_the_page_shows_both(tabs: tuple[Client, str, str], reader: Reader) -> None:
    own, older, newer = tabs
    assert own.post("/step/1", form(newer, choice="A", description="the <newer> text")).status_code == 302
    shown = own.post("/step/1", form(older, choice="B", description="the older text"))
    assert shown.status_code == 409
    page = text(shown)
    assert "the older text</textarea>" in page
    assert "the &lt;newer&gt; text" in page
    assert re.search(r'value="B"[^>]* checked', page)
    assert stored(reader) == {"choice": "A", "description": "the <newer> text"}
    # Sent again, it is the reader's word; of one answer the other version is kept.
    again = form(page, choice="B", description="the older text", theirs="choice")
    assert own.post("/step/1", again)["Location"] == "/step/2"
    assert stored(reader) == {"choice": "A", "description": "the older text"}


def test_nobody_finishes_over_a_conflict(reader: Reader) -> None:
    own = signed_in(reader)
    for showing in reader.showings.exclude(kind="end"):
        own.post(f"/step/{showing.place}", form(text(own.get(f"/step/{showing.place}")), choice="A"))
    older, newer = text(own.get("/step/14")), text(own.get("/step/14"))
    own.post("/step/14", form(newer, summary="newer", go="steps"))
    shown = own.post("/step/14", form(older, summary="older", go="finish"))
    assert shown.status_code == 409
    assert Reader.objects.get(pk=reader.pk).finished_at is None
    assert own.post("/step/14", form(text(shown), summary="older", go="finish"))["Location"] == "/done"


def test_an_altered_base_is_refused(tabs: tuple[Client, str, str]) -> None:
    own, page, _ = tabs
    assert own.post("/step/1", form(page, choice="A") | {"base": "choice:x"}).status_code == 400
    assert not Reply.objects.exists()
