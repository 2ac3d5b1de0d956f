"""Answers are stored once, whatever arrives twice, late, altered or too long."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from foveate.reading.site import audit, saving, storing, study, throttle
from foveate.reading.site.models import AuditEntry, Reader, Reply, Showing, StudyState, Visit
from foveate.reading.site.saving import Page


def first_showing(reader: Reader) -> Showing:
    return reader.showings.all()[0]


def opened(showing: Showing) -> Page:
    return saving.read_page(saving.open_page(showing), showing)


def stored(showing: Showing) -> dict[str, str]:
    return dict(showing.replies.values_list("question", "value"))


def test_saving_again_replaces(reader: Reader) -> None:
    showing, page = first_showing(reader), opened(first_showing(reader))
    assert saving.save(reader, showing, page, {"choice": "A", "description": "lesion"}, 1, 500).stored
    assert saving.save(reader, showing, page, {"choice": "B", "description": "lesion"}, 2, 900).stored
    assert stored(showing) == {"choice": "B", "description": "lesion"}
    assert Reply.objects.count() == 2
    assert Reply.objects.get(question="choice").revisions == 2
    assert Reply.objects.get(question="description").revisions == 1


def test_a_save_that_arrives_twice_or_late_changes_nothing(reader: Reader) -> None:
    showing, page = first_showing(reader), opened(first_showing(reader))
    saving.save(reader, showing, page, {"choice": "A"}, 5, 100)
    assert not saving.save(reader, showing, page, {"choice": "A"}, 5, 100).stored
    assert not saving.save(reader, showing, page, {"choice": "C"}, 4, 90).stored
    assert stored(showing) == {"choice": "A"}
    assert Reply.objects.get().revisions == 1
    assert Visit.objects.get().active_ms <= 1100
    later = opened(showing), storing.revisions(showing)  # another page: the latest counts
    assert saving.save(reader, showing, later[0], {"choice": "C"}, 1, 0, later[1]).stored
    assert stored(showing) == {"choice": "C"}
    assert Visit.objects.count() == 2


def test_emptying_an_answer_is_an_answer_taken_back(reader: Reader) -> None:
    showing, page = first_showing(reader), opened(first_showing(reader))
    saving.save(reader, showing, page, {"choice": "A", "description": "x"}, 1, None)
    assert saving.progress(reader).answered_places == {1}
    saving.save(reader, showing, page, {"choice": "", "description": ""}, 2, None)
    assert stored(showing) == {"choice": "", "description": ""}
    assert saving.progress(reader).answered_places == set()


@pytest.mark.parametrize("value", ["E", "a", "AB", "NONE", "resnet18", "=cmd", "<b>"])
def test_a_letter_that_was_not_shown_is_refused(reader: Reader, value: str) -> None:
    showing = first_showing(reader)
    with pytest.raises(saving.MalformedError, match="no such choice"):
        saving.save(reader, showing, opened(showing), {"choice": value}, 1, None)
    assert stored(showing) == {}


def test_pages_are_signed_for_their_step(reader: Reader) -> None:
    one, two = reader.showings.all()[:2]
    signed = saving.open_page(one)
    page = saving.read_page(signed, one)
    assert abs(page.opened_at.timestamp() - time.time()) < 5
    for forged, showing in ((signed, two), (signed + "x", one), ("", one), (f"{two.pk}{signed}", two), ("a:b:c", one)):
        with pytest.raises(saving.MalformedError):
            saving.read_page(forged, showing)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("null\x00 bell\x07 escape\x1b[31m", "null bell escape[31m"),
        ("\ud800 half a sign", "half a sign"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("שלום \u202e abc", "שלום \u202e abc"),
        ("  around \n", "around"),
        ("x" * 10_000, "x" * 10_000),
    ],
)
def test_texts_are_kept_as_typed_but_for_control_characters(reader: Reader, typed: str, kept: str) -> None:
    showing = first_showing(reader)
    saving.save(reader, showing, opened(showing), {"description": typed}, 1, None)
    assert stored(showing) == {"description": kept}


def test_too_long_a_text_is_refused_whole(reader: Reader) -> None:
    showing = first_showing(reader)
    for size in (10_001, 1_000_000):
        with pytest.raises(saving.TooLongError):
            saving.save(reader, showing, opened(showing), {"choice": "A", "description": "x" * size}, 1, None)
    assert stored(showing) == {}


def test_fields_that_were_not_asked_are_not_stored(reader: Reader) -> None:
    showing = first_showing(reader)
    saving.save(reader, showing, opened(showing), {"choice": "none", "summary": "x", "model": "resnet18"}, 1, None)
    assert stored(showing) == {"choice": "none"}


def test_active_time_is_never_longer_than_the_page_was_open(reader: Reader) -> None:
    showing = first_showing(reader)
    saving.save(reader, showing, opened(showing), {"choice": "A"}, 1, 10**12)
    assert Visit.objects.get().active_ms < 60_000


def answer_all(reader: Reader) -> None:
    for showing in reader.showings.exclude(kind="end"):
        saving.save(reader, showing, opened(showing), {"choice": "A"}, 1, 10)


def test_progress_is_what_is_stored(reader: Reader) -> None:
    at = saving.progress(reader)
    assert (at.answered, at.cases, at.next_place) == (0, 11, 1)  # ten cases and one of them again
    for showing in reader.showings.all()[:5]:  # two for practice, three cases
        saving.save(reader, showing, opened(showing), {"choice": "none"}, 1, 10)
    at = saving.progress(reader)
    assert (at.answered, at.cases, at.next_place) == (3, 11, 6)
    answer_all(reader)
    at = saving.progress(reader)
    assert (at.answered, at.cases, at.next_place) == (11, 11, 14)


def test_steps_open_one_after_another(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = list(reader.showings.all())
    assert [saving.may_open(reader, step) for step in steps[:3]] == [True, False, False]
    saving.save(reader, steps[0], opened(steps[0]), {"choice": "A"}, 1, 10)
    assert [saving.may_open(reader, step) for step in steps[:3]] == [True, True, False]
    own = study.study()
    closed = own.model_copy(update={"options": own.options.model_copy(update={"go_back": False})})
    monkeypatch.setattr(study, "study", lambda: closed)
    assert [saving.may_open(reader, step) for step in steps[:3]] == [True, True, False]  # the next is not begun yet
    saving.save(reader, steps[1], opened(steps[1]), {"description": "x"}, 1, 10)
    assert [saving.may_open(reader, step) for step in steps[:3]] == [False, True, False]


def test_finishing_needs_all_answers_and_is_final(reader: Reader) -> None:
    with pytest.raises(saving.MalformedError):
        saving.finish(reader)
    answer_all(reader)
    saving.finish(reader)
    done = Reader.objects.get(pk=reader.pk)
    assert done.finished_at is not None
    saving.finish(reader)  # again: nothing changes
    assert Reader.objects.get(pk=reader.pk).finished_at == done.finished_at
    with pytest.raises(saving.LockedError):
        saving.save(reader, first_showing(reader), opened(first_showing(reader)), {"choice": "B"}, 9, None)


def test_unblinding_locks(reader: Reader) -> None:
    StudyState.objects.update(unblinded_at=timezone.now())
    with pytest.raises(saving.LockedError):
        saving.save(reader, first_showing(reader), opened(first_showing(reader)), {"choice": "B"}, 1, None)
    assert stored(first_showing(reader)) == {}


def test_saves_are_limited_to_what_a_person_can_do(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    showing, page = first_showing(reader), opened(first_showing(reader))
    clock = [timezone.now()]
    monkeypatch.setattr(timezone, "now", lambda: clock[0])

    def refused(saves: int) -> int:
        found = 0
        for number in range(saves):
            try:
                saving.save(reader, showing, page, {"choice": "A"}, number, None)
            except throttle.TooOftenError:
                found += 1
        return found

    assert refused(80) == 20  # 60 at once
    clock[0] += timedelta(seconds=5)
    assert refused(15) == 5  # and two more a second


def test_the_log_is_chained_and_cannot_be_changed(ready: Path) -> None:
    audit.record(audit.COMMAND, "one")
    audit.record(audit.COMMAND, "two", "about")
    assert audit.broken_at() is None
    entry = AuditEntry.objects.get(action="one")
    for deed in (
        lambda: AuditEntry.objects.filter(pk=entry.pk).update(action="other"),
        lambda: AuditEntry.objects.filter(pk=entry.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            deed()
    with audit.may_be_emptied():
        AuditEntry.objects.filter(pk=entry.pk).update(action="other")
    assert audit.broken_at() == entry.pk
