"""Whose failures are counted together, how budgets fill up again, and that checks take turns."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory
from django.utils import timezone

from foveate.reading.site import deployment, throttle, turns
from foveate.reading.site.models import Bucket
from foveate.reading.site.throttle import Limit, TooOftenError
from foveate.reading.site.turns import Line

TWO = Limit("two", 2, 60)


@pytest.mark.parametrize(
    ("asks", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_an_address_counts_by_its_network(place: Path, asks: str, counts_as: str) -> None:
    assert throttle.address(RequestFactory().get("/", REMOTE_ADDR=asks)) == counts_as


@pytest.mark.parametrize(
    ("forwarded", "counts_as"),
    [
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8:1:2::1]:4711", "2001:db8:1:2::"),
        ('"[2001:db8:1:2::1]"', "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
    ],
)
def test_what_the_proxy_says_counts_where_there_is_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, forwarded: str, counts_as: str
) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert throttle.address(request) == "10.0.0.1"
    own = deployment.Deployment(url="https://a.org", trusted_proxy="127.0.0.1")
    monkeypatch.setattr(settings, "DEPLOYMENT", own)
    assert throttle.address(request) == counts_as


def test_looking_takes_nothing_and_time_gives_back(database: Path) -> None:
    assert all(throttle.left(TWO, "a") for _ in range(5))
    assert [throttle.spend(TWO, "a") for _ in range(3)] == [True, True, False]
    assert not throttle.left(TWO, "a")
    assert throttle.left(TWO, "b")
    Bucket.objects.update(filled_at=timezone.now() - timedelta(seconds=61))
    assert throttle.left(TWO, "a")
    assert [throttle.spend(TWO, "a") for _ in range(2)] == [True, False]


def test_buckets_that_are_full_again_are_forgotten(database: Path) -> None:
    throttle.spend(TWO, "a")
    throttle.spend(TWO, "b")
    Bucket.objects.filter(name=Bucket.objects.order_by("filled_at")[0].name).update(
        filled_at=timezone.now() - timedelta(seconds=901)
    )
    throttle.spend(TWO, "c")
    assert Bucket.objects.count() == 2
    assert [throttle.spend(TWO, "b") for _ in range(2)] == [True, False]


def test_checks_follow_one_another_and_few_wait() -> None:
    line, inside, most, refused = Line(3), [0], [0], [0]
    go_on, arrived = threading.Event(), threading.Semaphore(0)

    def check() -> None:
        try:
            with line.turn():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                arrived.release()
                go_on.wait(60)
                inside[0] -= 1
        except TooOftenError:
            refused[0] += 1
            arrived.release()

    threads = [threading.Thread(target=check) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(8):  # one has its turn, seven found the line full
        assert arrived.acquire(timeout=60)
    assert (inside[0], refused[0]) == (1, 7)
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert most[0] == 1
    with line.turn():  # and all places are free again
        pass


def test_a_line_that_does_not_move_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(2)
    monkeypatch.setattr(turns, "LONGEST_WAIT", 0.01)
    with line.turn(), pytest.raises(TooOftenError), line.turn():
        pass
    with line.turn():
        pass


def test_who_is_late_keeps_the_others_waiting() -> None:
    line = Line(2, pace=0.2)
    began = time.monotonic()
    with line.turn():
        line.linger(began)
    assert time.monotonic() - began >= 0.2
    with line.turn():
        line.linger(began)  # the time is over


def test_the_lines_leave_threads_to_readers() -> None:
    from foveate.reading.site import server

    places = [line._places._value for line in (turns.KNOWN, turns.STRANGERS, turns.LATE)]
    assert sum(places) < server.THREADS
    assert turns.LATE.pace == 1
