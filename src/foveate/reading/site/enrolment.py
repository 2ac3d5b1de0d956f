"""Readers: invited by a link that works once, enrolled with an order of their own, gone when they wish."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from foveate import runs
from foveate.errors import FoveateError, UsageError
from foveate.reading import blinding, cases_and_key, results
from foveate.reading.answers import LETTERS
from foveate.reading.csvs import read_columns
from foveate.reading.site import audit, clock, erasing, locks, masking, seals, state, study, tokens, unblinding
from foveate.reading.site.models import PLAIN, ConsentText, Invitation, Reader, Showing, Slot

DAYS = 30  # that an invitation is good for
ERASED = "erased.csv"  # beside the database: a backup that is older still holds these readers


class GoneError(FoveateError):
    """The reader does not take part any more, or not yet."""


class EnrolledError(FoveateError):
    """The reader is enrolled already."""


def invite(
    pseudonym: str, dataset: str | None, actor: str, days: int = DAYS, token: str | None = None
) -> tuple[Reader, str]:
    """A new reader and the link's token, new or the one given. Raises FoveateError that says what is in the way."""
    pseudonym = checked_pseudonym(pseudonym)
    if obstacles := state.obstacles():
        raise FoveateError(" ".join(obstacles))
    with transaction.atomic():
        locks.study_changes()  # so that two at once never take the same pseudonym
        if Reader.objects.filter(pseudonym__iexact=pseudonym).exists():
            raise FoveateError(
                f"there is a reader {pseudonym} already: choose another pseudonym, or make a new link for this one, "
                "with --again or under Readers in the administrator's pages."
            )
        reader = Reader.objects.create(pseudonym=pseudonym, dataset=checked_dataset(dataset))
        audit.record(actor, "reader invited", reader.public_id)
        return reader, _link(reader, days, token)


def by_pseudonym(pseudonym: str) -> Reader:
    """Capital and small letters are the same.

    Raises UsageError that names the readers, where they are few; FoveateError for what is no pseudonym.
    """
    found = Reader.objects.filter(pseudonym__iexact=checked_pseudonym(pseudonym)).first()
    if found is None:
        names = list(Reader.objects.order_by("pseudonym").values_list("pseudonym", flat=True))
        known = f": there are {', '.join(names)}" if 0 < len(names) <= 12 else ""
        raise UsageError(f"there is no reader {pseudonym}{known}.")
    return found


def new_link(reader: Reader, actor: str, days: int = DAYS, token: str | None = None) -> str:
    """Another link, new or the one given, for a reader who has not begun; the earlier ones end."""
    with transaction.atomic():
        own = _locked(reader)
        if own.withdrawn_at is not None:
            raise FoveateError(f"{reader.pseudonym} has withdrawn: no link leads back.")
        if own.enrolled_at is not None:
            raise FoveateError(f"{reader.pseudonym} has begun: give a new return code instead.")
        if obstacles := state.obstacles():
            raise FoveateError(" ".join(obstacles))
        _revoke(reader)
        audit.record(actor, "new link", reader.public_id)
        return _link(reader, days, token)


def revoke(reader: Reader, actor: str) -> None:
    """End the links that were not used yet, the return code and all sessions, until a new one is given."""
    with transaction.atomic():
        _locked(reader)
        _revoke(reader)
        Reader.objects.filter(pk=reader.pk).update(return_code_hash=None)
        end_sessions(reader)
        audit.record(actor, "access revoked", reader.public_id)


def _revoke(reader: Reader) -> None:
    reader.invitations.filter(redeemed_at=None, revoked_at=None).update(revoked_at=timezone.now())


def _locked(reader: Reader) -> Reader:
    """The reader as the database has them now, held until the transaction ends. Raises GoneError once erased.

    Taken before anything else that others may hold, so that no two requests wait for one another.
    """
    own = Reader.objects.select_for_update().filter(pk=reader.pk).first()
    if own is None:
        raise GoneError(f"{reader.pseudonym} was erased in the meantime.")
    return own


def _link(reader: Reader, days: int, token: str | None) -> str:
    if not 1 <= days <= 365:
        raise FoveateError(f"an invitation is good for 1 to 365 days, not {days}.")
    token = token or tokens.new()
    expires = timezone.now() + timedelta(days=days)
    Invitation.objects.create(reader=reader, token_hash=tokens.hashed(token), expires_at=expires)
    return token


def checked_pseudonym(text: str) -> str:
    """Raises FoveateError for what is no pseudonym."""
    tidy = " ".join(text.split())
    plain = tidy and all(unicodedata.category(letter)[0] in "LNP" or letter == " " for letter in tidy)
    if not plain or len(tidy) > 60 or "|" in tidy or tidy.startswith(("=", "+", "-", "@")):
        raise FoveateError(
            f"a pseudonym has 1 to 60 letters, digits and signs such as _ or ., and begins with none of = + - @; "
            f"not {text[:80]!r}."
        )
    if "@" in tidy:
        raise FoveateError("a pseudonym is no e-mail address: give a name that says nothing, such as reader-1.")
    return tidy


def checked_dataset(name: str | None) -> str:
    """The data set's name; the only one where none is given. Raises FoveateError that names them all."""
    names = [own.name for own in study.study().datasets]
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        given = f"there is no data set {name!r}" if name else "which data set?"
        raise FoveateError(f"{given}: choose one of {', '.join(names)}.")
    return name


def usable(token: str) -> Invitation | None:
    """The invitation that a link is for, if it still works; none does once the study is unblinded."""
    if state.state().unblinded_at is not None:
        return None
    open_ones = Invitation.objects.filter(redeemed_at=None, revoked_at=None, expires_at__gt=timezone.now())
    open_ones = open_ones.filter(created_at__lte=clock.latest())  # made by a clock that ran ahead, it would live on
    return open_ones.select_related("reader").filter(token_hash=tokens.hashed(token)).first()


def redeem(token: str) -> Reader | None:
    """Use a link up; None where it does not work any more."""
    with transaction.atomic():
        invitation = usable(token)
        if invitation is None:
            return None
        taken = Invitation.objects.filter(pk=invitation.pk, redeemed_at=None).update(redeemed_at=timezone.now())
        if not taken:  # by another request in the meantime
            return None
        audit.record(audit.reader(invitation.reader.public_id), "link redeemed")
        return invitation.reader


def agree(reader: Reader, text: ConsentText) -> None:
    """The reader agrees to this version; again it changes nothing."""
    with transaction.atomic():
        others = Reader.objects.filter(pk=reader.pk).exclude(consent=text)
        if others.update(consent=text, consented_at=timezone.now()):
            audit.record(audit.reader(reader.public_id), "agreed", f"version {text.version}")


def enrol(reader: Reader, code: str | None = None, profile: Mapping[str, str] | None = None) -> str:
    """Draw the reader's showings and store them; the return code, new or the one given, which is not kept.

    Letters and order come from the study's secret and the reader's id, and are drawn this once: from here on the
    rows count. Raises FoveateError where key or secret are missing, GoneError or EnrolledError where it is too late.
    """
    code = code or tokens.return_code()
    with transaction.atomic():
        own = _locked(reader)
        if own.enrolled_at is not None:
            raise EnrolledError("this reader is enrolled already.")
        _draw(own)
        for name, value in (profile or {}).items():
            setattr(own, name, value)
        own.enrolled_at = timezone.now()
        own.return_code_hash = tokens.hashed(code)
        own.save()
        seals.seal_answers(own)
        audit.record(audit.reader(own.public_id), "enrolled")
    reader.refresh_from_db()
    return code


def _draw(reader: Reader) -> None:
    secret = cases_and_key.derived_secret(study.place(), "letters")
    layers = cases_and_key.layers(cases_and_key.read_key(study.place()))
    own, options = study.dataset(reader.dataset), study.study().options
    names = [case.name for case in study.cases().values() if case.dataset == own.name]
    practice = [name for name in names if study.cases()[name].practice]
    shown = [name for name in names if name not in practice]
    rows = blinding.letters(len(practice), own.models, blinding.drawing(secret, reader.public_id, "practice letters"))
    places = blinding.drawing(secret, reader.public_id, "practice order").permutation(len(practice))
    steps = [
        (Showing.Kind.PRACTICE, practice[case], tuple(row)) for case, row in zip(places, rows.tolist(), strict=True)
    ]
    for showing in blinding.reader_schedule(
        secret, reader.public_id, len(shown), own.models, options.repeat_share, options.gap
    ):
        kind = Showing.Kind.REPEAT if showing.repeat else Showing.Kind.CASE
        steps.append((kind, shown[showing.case], showing.order))
    for number, (kind, name, order) in enumerate(steps, start=1):
        row = Showing.objects.create(reader=reader, place=number, kind=kind, case=name)
        pictures = [(PLAIN, name), *((LETTERS[at], layers[name][model]) for at, model in enumerate(order))]
        Slot.objects.bulk_create(masking.new_slot(row, letter, file) for letter, file in pictures)
    Showing.objects.create(reader=reader, place=len(steps) + 1, kind=Showing.Kind.END)


def by_code(code: str) -> Reader | None:
    """The reader whose return code this is."""
    tidy = tokens.tidied(code)
    if not tidy:
        return None
    return Reader.objects.filter(return_code_hash=tokens.hashed(tidy), withdrawn_at=None).first()


def new_code(reader: Reader, actor: str, code: str | None = None) -> str:
    """Another return code, new or the one given; the one before ends, and with it all sessions. Raises GoneError."""
    code = code or tokens.return_code()
    with transaction.atomic():
        own = _locked(reader)
        if own.enrolled_at is None or own.withdrawn_at is not None:
            raise GoneError(f"{reader.pseudonym} is not reading: there is nothing to return to.")
        Reader.objects.filter(pk=reader.pk).update(return_code_hash=tokens.hashed(code))
        end_sessions(reader)
        audit.record(actor, "new return code", reader.public_id)
    reader.refresh_from_db()
    return code


def end_sessions(reader: Reader) -> None:
    Reader.objects.filter(pk=reader.pk).update(epoch=F("epoch") + 1)


def withdraw(reader: Reader) -> None:
    """End the reader's part; the answers so far stay. Again it changes nothing."""
    with transaction.atomic():
        locks.answers_may_change()
        own = Reader.objects.select_for_update().filter(pk=reader.pk).first()
        if own is None or own.withdrawn_at is not None:
            return
        _revoke(reader)
        Reader.objects.filter(pk=reader.pk).update(withdrawn_at=timezone.now(), return_code_hash=None)
        end_sessions(reader)
        audit.record(audit.reader(reader.public_id), "withdrawn")


def erase(reader: Reader, actor: str) -> None:
    """Delete a reader with all answers; what must be erased again after a backup is restored is noted first.

    Again it changes nothing. Raises FoveateError where that cannot be noted: then nothing is deleted; and, after
    unblinding, where the results cannot be written anew: then the reader stands in these files alone.
    """
    with transaction.atomic():
        locks.answers_may_change()
        number = reader.public_id
        if not Reader.objects.select_for_update().filter(pk=reader.pk).exists():
            return
        audit.record(actor, "reader erased", number)
        erasing.end_sessions(reader)
        reader.delete()
        _note_erased(number)
        erasing.afterwards()
    if state.state().unblinded_at is not None:
        try:
            unblinding.write_results()  # without this reader
        except FoveateError as error:
            raise FoveateError(
                f"the reader is erased from the database, but may still stand in the folder {results.FOLDER}: {error} "
                "`foveate reading results`, or the page Results, writes it again."
            ) from error


def _note_erased(public_id: str) -> None:
    path = study.place() / ERASED
    known = erased()
    known.setdefault(public_id, timezone.now().isoformat(timespec="seconds"))
    with runs.disk_errors(path):
        lines = [f"{number},{at}\n" for number, at in known.items()]
        runs.write_text(path, "".join(["reader,erased_at\n", *lines]), private=True)


def erased() -> dict[str, str]:
    """Public ids of all readers that were erased, with the time. Raises FoveateError for a damaged list."""
    path = study.place() / ERASED
    if not path.exists():
        return {}
    return {row["reader"]: row["erased_at"] for _where, row in read_columns(path, ["reader", "erased_at"])}
