"""Answers, orders and accounts that something else than the application changed are found; its own changes are not."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading.site import accounts, audit, doctor, enrolment, saving, sealing, seals
from foveate.reading.site.models import AccountSeal, Reader, Reply, Showing, Slot, Visit
from tests.reading.site.test_reader_views import signed_in

PASSWORD = "a long and quiet sentence"


def say(reader: Reader, number: int, sequence: int = 1, **given: str) -> None:
    showing = reader.showings.get(place=number)
    saving.save(reader, showing, saving.read_page(saving.open_page(showing), showing), given, sequence, 10)


@pytest.fixture
def answered(reader: Reader) -> Reader:
    say(reader, 1, choice="A", description="words")
    say(reader, 2, choice="none")
    say(reader, 1, choice="B", description="other words")
    return reader


def altered() -> list[str]:
    return [own.pseudonym for own in seals.altered_answers()]


def test_what_readers_do_is_not_taken_for_an_alteration(answered: Reader) -> None:
    assert altered() == []
    say(answered, 3, choice="C")
    signed_in(answered).get("/step/3")
    say(answered, 1, choice="", description="")
    enrolment.new_code(answered, audit.COMMAND)
    enrolment.withdraw(answered)
    assert altered() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda: Reply.objects.filter(question="choice").update(value="A"),
        lambda: Reply.objects.filter(question="description").update(value="other  words"),
        lambda: Reply.objects.filter(value="none").delete(),
        lambda: Reply.objects.filter(value="none").update(saved_at=timezone.now()),
        lambda: Reply.objects.filter(value="none").update(showing=Showing.objects.get(place=5)),
        lambda: Reply.objects.filter(value="none").update(revisions=2),
        lambda: Visit.objects.filter(showing__place=2).update(active_ms=5),
        lambda: Visit.objects.filter(showing__place=2).delete(),
        lambda: Slot.objects.filter(showing__place=1, letter="A").update(file="0" * 32),
        lambda: Showing.objects.filter(place=4).update(kind="repeat"),
        lambda: Showing.objects.filter(place=4).update(case="0" * 32),
        lambda: Reader.objects.update(seal=""),
        lambda: Reader.objects.update(seal="0" * 96),
        lambda: Reader.objects.update(seal="not a seal"),
    ],
)
def test_what_something_else_changed_is_found_and_stays_found(answered: Reader, change: object) -> None:
    assert callable(change)
    change()
    assert altered() == ["reader-1"]
    say(answered, 3, choice="C")  # does not cover it
    say(answered, 1, choice="D", description="again")
    sealing.begin()  # as the next `serve` does
    assert altered() == ["reader-1"]


def test_two_letters_that_change_places_are_found(answered: Reader) -> None:
    a, b = (Slot.objects.get(showing__reader=answered, showing__place=1, letter=letter) for letter in "AB")
    Slot.objects.filter(pk=a.pk).update(file=b.file)
    Slot.objects.filter(pk=b.pk).update(file=a.file)
    assert altered() == ["reader-1"]


def test_an_answer_moved_to_another_reader_is_found_with_both(answered: Reader) -> None:
    other, _ = enrolment.invite("reader-2", None, audit.COMMAND)
    enrolment.enrol(other)
    assert altered() == []
    of_other = other.showings.get(place=2)
    Reply.objects.filter(value="none").update(showing=of_other)
    assert altered() == ["reader-1", "reader-2"]


def test_a_seal_is_the_sum_of_keyed_digests_behind_a_random_number(answered: Reader) -> None:
    """Worked out from RFC 2104 and the rows alone."""
    from foveate.reading.site import study

    secret = bytes.fromhex((study.place() / "key" / "secret").read_text(encoding="ascii").strip())
    key = hmac.new(hmac.new(secret, b"seals", hashlib.sha256).digest(), b"answers", hashlib.sha256).digest()

    def digest(content: bytes) -> int:
        return int.from_bytes(hmac.new(key, content, hashlib.sha256).digest(), "big")

    seal = Reader.objects.get(pk=answered.pk).seal
    assert len(seal) == 96
    rows = seals._order(answered) | seals._answers(answered)
    assert len(rows) == (Showing.objects.count() + Slot.objects.count() + Reply.objects.count() + Visit.objects.count())
    total = sum(digest(row) for row in rows) + digest(seal[:32].encode())
    assert int(seal[32:], 16) == total % 2**256


def test_the_same_rows_have_another_seal_each_time(answered: Reader) -> None:
    """So that two seals do not tell the digest of the row between them."""
    seals.seal_answers(answered)
    first = Reader.objects.get(pk=answered.pk).seal
    seals.seal_answers(answered)
    assert Reader.objects.get(pk=answered.pk).seal != first
    assert altered() == []


# Administrators


@pytest.fixture
def ada(ready: Path) -> User:
    return accounts.set_password(accounts.new_link(audit.COMMAND), "Ada", PASSWORD)


def changed() -> list[str]:
    return [own.get_username() for own in seals.altered_accounts()]


def test_what_an_administrator_does_is_not_taken_for_an_alteration(ada: User) -> None:
    assert changed() == []
    ada.last_login = timezone.now()
    ada.save(update_fields=["last_login"])
    ada.set_password("another long and quiet sentence")
    ada.save()
    ada.is_active = False
    ada.save()
    assert changed() == []


@pytest.mark.parametrize(
    "fields", [{"password": "argon2$x"}, {"is_superuser": True}, {"is_active": False}, {"username": "Eve"}]
)
def test_an_account_that_something_else_changed_is_found_and_stays_found(ada: User, fields: dict[str, object]) -> None:
    User.objects.filter(pk=ada.pk).update(**fields)
    assert len(changed()) == 1
    own = User.objects.get(pk=ada.pk)
    own.last_login = timezone.now()
    own.save()  # a sign-in does not cover it
    assert len(changed()) == 1


def test_an_account_that_something_else_made_is_found(ada: User) -> None:
    User.objects.bulk_create([User(username="Mallory", password=ada.password)])
    assert changed() == ["Mallory"]
    AccountSeal.objects.create(user=User.objects.get(username="Mallory"), seal=AccountSeal.objects.get(user=ada).seal)
    assert changed() == ["Mallory"]
    said = [finding.what for finding in doctor.findings() if finding.level == "bad"]
    assert "the administrator Mallory was made or altered outside foveate: find out by whom; restore a backup" in said


def test_the_secret_may_not_be_another_one(ready: Path) -> None:
    path = ready / "key" / "secret"
    before = path.read_bytes()
    try:
        path.write_text("ab" * 32 + "\n", encoding="ascii")
        with pytest.raises(FoveateError, match="is not the one that the study was sealed with"):
            seals.prepare()
        path.unlink()  # kept elsewhere
        seals.prepare()
        assert not path.exists()
    finally:
        path.write_bytes(before)
