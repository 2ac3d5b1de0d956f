"""A clock that was wrong for a while: what was begun in the future does not live on, and nothing locks for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client
from django.utils import timezone

from foveate.reading.site import accounts, audit, doctor, enrolment, middleware, saving, throttle
from foveate.reading.site.administrator.readers import state_of
from foveate.reading.site.models import Bucket, Reader, Visit
from tests.reading.site.test_reader_views import signed_in

Clock = Callable[[timedelta], None]
AHEAD, RIGHT = timedelta(days=400), timedelta()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the clock ahead or back; it goes on from there."""
    true = timezone.now

    def set_by(difference: timedelta) -> None:
        def now() -> datetime:
            return true() + difference

        monkeypatch.setattr(timezone, "now", now)
        monkeypatch.setattr(signing, "time", SimpleNamespace(time=lambda: now().timestamp()))

    return set_by


def test_a_session_that_was_begun_in_the_future_ends(reader: Reader, clock: Clock) -> None:
    clock(AHEAD)
    own = signed_in(reader)
    assert own.get("/steps").status_code == 200
    clock(RIGHT)
    assert own.get("/steps")["Location"] == "/return"


@pytest.mark.parametrize("key", [middleware.BEGAN, middleware.SEEN])
@pytest.mark.parametrize(("ahead", "ends"), [(timedelta(minutes=4), False), (timedelta(minutes=6), True)])
def test_a_clock_may_be_set_right_by_minutes(reader: Reader, key: str, ahead: timedelta, ends: bool) -> None:
    own = signed_in(reader)
    session = own.session
    session[key] = (timezone.now() + ahead).timestamp()
    session.save()
    assert (own.get("/steps").status_code == 302) is ends


def test_an_administrators_session_of_the_future_ends(database: Path, clock: Clock) -> None:
    accounts.set_password(accounts.new_link(audit.COMMAND), "Ada", "a long and quiet sentence")
    clock(AHEAD)
    own = Client()
    own.post("/admin/sign-in", {"name": "Ada", "password": "a long and quiet sentence"})
    assert own.get("/admin/").status_code == 200
    clock(RIGHT)
    assert own.get("/admin/").status_code == 302
    assert User.objects.get().is_active


def test_links_of_the_future_do_not_work(ready: Path, clock: Clock) -> None:
    clock(AHEAD)
    reader, token = enrolment.invite("reader-1", None, audit.COMMAND, 30)
    first = accounts.new_link(audit.COMMAND)
    assert enrolment.usable(token) is not None
    assert accounts.usable(first)
    clock(RIGHT)
    assert enrolment.usable(token) is None
    assert enrolment.redeem(token) is None
    assert state_of(reader) == "expired"
    assert not accounts.usable(first)
    assert enrolment.redeem(enrolment.new_link(reader, audit.COMMAND)) == reader  # another one is made as always


def test_attempts_that_were_used_up_in_the_future_come_back(database: Path, clock: Clock) -> None:
    limit = throttle.Limit("test", 2, 60)
    clock(AHEAD)
    assert [throttle.spend(limit, "who") for _ in range(3)] == [True, True, False]
    clock(RIGHT)
    assert not throttle.spend(limit, "who")  # they were used up
    clock(timedelta(seconds=61))
    assert throttle.spend(limit, "who")
    assert Bucket.objects.get().filled_at <= timezone.now()


@pytest.mark.parametrize(
    ("opened", "sent", "active", "kept"),
    [
        (AHEAD, RIGHT, 42_000, 42_000),  # how long the page was open is not known: the browser's own count is
        (AHEAD, RIGHT, None, 0),
        (RIGHT, timedelta(minutes=2), 42_000, 42_000),
        (RIGHT, AHEAD, 42_000, 42_000),
        (RIGHT, AHEAD, None, 12 * 3_600_000),  # no page is open for longer: its session has ended
        (AHEAD, RIGHT, 10**14, 12 * 3_600_000),
    ],
)
def test_times_at_work_are_possible_ones(
    reader: Reader, clock: Clock, opened: timedelta, sent: timedelta, active: int | None, kept: int
) -> None:
    showing = reader.showings.all()[0]
    clock(opened)
    page = saving.read_page(saving.open_page(showing), showing)
    clock(sent)
    saving.save(reader, showing, page, {"choice": "A"}, 1, active)
    visit = Visit.objects.get()
    assert visit.active_ms == kept
    assert visit.opened_at <= timezone.now()


def test_the_doctor_says_that_the_clock_was_ahead(ready: Path, clock: Clock) -> None:
    def said() -> list[str]:
        return [one.what for one in doctor.findings() if "clock" in one.what and one.level == "bad"]

    assert said() == []
    at: datetime = timezone.now() + AHEAD
    clock(AHEAD)
    audit.record(audit.COMMAND, "backup made")
    clock(RIGHT)
    (found,) = said()
    assert f"{at:%Y-%m-%d}" in found
    assert not any("the last backup is of" in one.what for one in doctor.findings() if one.level == "good")
