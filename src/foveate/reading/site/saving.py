"""Answers: checked, stored once however often they arrive, and counted."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.utils import timezone

from foveate.reading.answers import CANNOT_JUDGE, NONE
from foveate.reading.questions import Question
from foveate.reading.site import audit, locks, seals, state, storing, study, throttle
from foveate.reading.site.models import PLAIN, Reader, Reply, Showing, Visit
from foveate.reading.site.storing import Saved

LONGEST = 10_000  # characters of a text
LONGEST_OPEN = timedelta(hours=12)  # of a page: a session that is idle for longer has ended
_PAGE = "foveate.reading.page"


class RefusedError(Exception):
    """An answer that is not stored."""


class MalformedError(RefusedError):
    """It cannot have come from the page as it was handed out."""


class TooLongError(RefusedError):
    """A text has more than `LONGEST` characters."""


class LockedError(RefusedError):
    """Answers do not change any more: the study is unblinded, or the reader has finished."""


@dataclass(frozen=True)
class Page:
    """A showing's page, opened once."""

    name: str
    opened_at: datetime


def open_page(showing: Showing) -> str:
    """A signed name for a page that is handed out now."""
    return signing.TimestampSigner(salt=_PAGE).sign(f"{showing.pk}.{secrets.token_urlsafe(9)}")


def read_page(signed: str, showing: Showing) -> Page:
    """Raises MalformedError for a page that the server did not hand out for this showing."""
    signer = signing.TimestampSigner(salt=_PAGE)
    try:
        name = signer.unsign(signed[:200])
        number, _, unique = name.partition(".")
        stamp = signing.b62_decode(signed.rsplit(":", 2)[1])
    except (signing.BadSignature, ValueError) as error:
        raise MalformedError("the page's name was changed") from error
    if number != str(showing.pk):
        raise MalformedError("the page belongs to another step")
    return Page(unique, datetime.fromtimestamp(stamp, tz=timezone.get_default_timezone()))


def fields(question: Question, letters: list[str]) -> list[str]:
    """The names under which the form sends the answer to a question."""
    return [f"{question.name}.{letter}" for letter in letters] if question.kind == "ratings" else [question.name]


def asked(showing: Showing) -> list[Question]:
    return study.questions("end" if showing.kind == Showing.Kind.END else "case")


def letters_of(showing: Showing) -> list[str]:
    return [slot.letter for slot in showing.slots.all() if slot.letter != PLAIN]


def checked(showing: Showing, given: Mapping[str, str]) -> dict[str, str]:
    """Answers by field, tidied; fields that are not the form's own are left alone. Raises RefusedError."""
    letters = letters_of(showing)
    found = {}
    for question in asked(showing):
        for field in fields(question, letters):
            if field not in given:
                continue
            value = given[field]
            if question.kind == "text":
                found[field] = tidied(value)
            elif question.kind == "choice":
                if value not in ("", *letters, NONE, CANNOT_JUDGE):
                    raise MalformedError("there is no such choice on this page")
                found[field] = value
            else:
                if value and value not in map(str, range(1, question.steps + 1)):
                    raise MalformedError("there is no such step on this scale")
                found[field] = value
    return found


def tidied(text: str) -> str:
    """Free text as it is stored: lines end with one sign, control characters are gone."""
    if len(text) > 2 * LONGEST:
        raise TooLongError
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(sign for sign in lines if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
    if len(kept) > LONGEST:
        raise TooLongError
    return kept.strip()


def save(
    reader: Reader,
    showing: Showing,
    page: Page,
    given: Mapping[str, str],
    sequence: int,
    active_ms: int | None,
    base: Mapping[str, int] | None = None,
) -> Saved:
    """Store answers, but for those that another page has replaced since this one was made. Raises RefusedError.

    active_ms: time with the page in view, from the page's script; None: all the time since it was opened.
    base: which revision of each answer the page knows; none where it was made before anything was answered.
    """
    answers = checked(showing, given)
    now = timezone.now()
    opened_at, active_ms = min(page.opened_at, now), _at_work(page, now, active_ms)
    with transaction.atomic():
        locks.answers_may_change()
        if not throttle.spend(throttle.SAVES, reader.public_id):
            raise throttle.TooOftenError
        if state.state().unblinded_at is not None:
            raise LockedError
        own = Reader.objects.select_for_update().filter(pk=reader.pk).first()
        if own is None or own.finished_at is not None or own.withdrawn_at is not None:
            raise LockedError
        known = {reply.question: reply for reply in Reply.objects.filter(showing=showing)}
        visits = list(Visit.objects.filter(showing=showing, page=page.name))
        with seals.following(own, showing, lambda: [*known.values(), *visits]):
            saved = storing.store(showing, known, page.name, answers, sequence, now, base or {})
            _note_time(showing, visits, page.name, opened_at, active_ms, now)
    return saved


def _note_time(
    showing: Showing, visits: list[Visit], page: str, opened_at: datetime, active_ms: int, now: datetime
) -> None:
    """In the page's visit, the only one of the list; a new one where there is none yet."""
    if not visits:
        visits.append(
            Visit.objects.create(showing=showing, page=page, opened_at=opened_at, active_ms=active_ms, saved_at=now)
        )
    elif active_ms > visits[0].active_ms:
        visits[0].active_ms, visits[0].saved_at = active_ms, now
        visits[0].save()


def _at_work(page: Page, now: datetime, active_ms: int | None) -> int:
    """Milliseconds: what the browser counted, as far as it is possible; all the time where it did not count."""
    open_ms = int(min(now - page.opened_at, LONGEST_OPEN) / timedelta(milliseconds=1))
    if active_ms is None:
        return max(0, open_ms)
    if open_ms < 0:  # the clock was set back meanwhile: how long the page was open is not known
        return min(max(active_ms, 0), int(LONGEST_OPEN / timedelta(milliseconds=1)))
    return min(max(active_ms, 0), open_ms + 1000)


@dataclass(frozen=True)
class Progress:
    """How far a reader is, from the stored answers."""

    answered: int  # cases, repeats among them, practice not
    cases: int
    next_place: int | None  # the first step that is not answered yet; None after the last
    answered_places: frozenset[int]


def progress(reader: Reader) -> Progress:
    """Counted in the database, so that what is shown is what is stored."""
    showings = list(reader.showings.all())
    done = set(
        Reply.objects.filter(showing__reader=reader, question=study.choice().name)
        .exclude(value="")
        .values_list("showing__place", flat=True)
    )
    counted = [row for row in showings if row.kind in (Showing.Kind.CASE, Showing.Kind.REPEAT)]
    due = [row.place for row in showings if row.kind != Showing.Kind.END and row.place not in done]
    if due:
        next_place: int | None = due[0]
    elif reader.finished_at is None and showings:
        next_place = showings[-1].place
    else:
        next_place = None
    answered = sum(row.place in done for row in counted)
    return Progress(answered, len(counted), next_place, frozenset(done))


def may_open(reader: Reader, showing: Showing) -> bool:
    """A reader goes forward one step at a time, and back where the study lets them."""
    at = progress(reader).next_place
    if at is None:
        return False
    if showing.place == at or (showing.place < at and study.study().options.go_back):
        return True
    # A choice is saved as soon as it is made: its step stays open until something of the next one is saved.
    next_visits = Visit.objects.filter(showing__reader=reader, showing__place=at)
    return showing.place == at - 1 and not next_visits.exists()


def finish(reader: Reader) -> None:
    """The reader's last word. Raises RefusedError while a case is not answered."""
    with transaction.atomic():
        locks.answers_may_change()
        own = Reader.objects.select_for_update().filter(pk=reader.pk).first()
        if own is None:
            raise LockedError
        if own.finished_at is not None:
            return
        if state.state().unblinded_at is not None:
            raise LockedError
        at = progress(own)
        if not at.cases or at.answered < at.cases:
            raise MalformedError("a case is not answered yet")
        own.finished_at = timezone.now()
        own.save()
        audit.record(audit.reader(own.public_id), "finished")
