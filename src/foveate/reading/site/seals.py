"""Keyed digests (HMAC-SHA256) of what must not change unseen: backups, readers' answers, administrators' accounts.

Their secret is derived from key/secret, and kept in OUT/reading/secrets as well: reading goes on while the key's
folder is in another place. Who can write the database, or has a backup, and cannot read these two files, cannot make
a seal; who can read them can make any.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet

from foveate.errors import FoveateError
from foveate.reading import cases_and_key
from foveate.reading.site import deployment, study
from foveate.reading.site.models import AccountSeal, Reader, Reply, Showing, Slot, Visit

SECRET = "seals"  # a file of OUT/reading/secrets
_SIZE = 2**256
_REPLY = ("question", "value", "page", "sequence", "revisions", "first_saved_at", "saved_at")
_VISIT = ("page", "opened_at", "active_ms", "saved_at")
_ACCOUNT = ("id", "username", "password", "is_active", "is_staff", "is_superuser")


def prepare() -> None:
    """Keep the secret in OUT/reading/secrets; an older study's folder gets key/secret first.

    Raises FoveateError where the key's folder is needed and away, or its secret is another than before.
    """
    place = study.place()
    path, source = _path(place), place / cases_and_key.KEY / cases_and_key.SECRET
    if not source.exists():
        if path.exists():
            return  # the key is kept elsewhere
        if not (source.parent / cases_and_key.KEY_TABLE).is_file():
            raise FoveateError(f"{source.parent} is away: put it back for this start; afterwards it may be elsewhere.")
        deployment.write_secret(source, cases_and_key.new_secret())
    derived = cases_and_key.derived_secret(place, "seals").hex()
    if not path.exists():
        deployment.write_secret(path, f"{derived}\n")
    elif path.read_text(encoding="ascii").strip() != derived:
        raise FoveateError(
            f"{source} is not the one that the study was sealed with ({path}): put back the key's folder as `create` "
            "made it."
        )


def _path(place: Path) -> Path:
    return place / deployment.SECRETS / SECRET


def exist() -> bool:
    """Whether there is a secret: an older study has none before it is served once."""
    return _path(study.place()).exists()


def secret_for(purpose: str) -> bytes:
    """32 secret bytes of the server, for one purpose. Raises FoveateError where its file is missing or damaged."""
    return _secret(_path(study.place()), purpose)


@cache
def _secret(path: Path, purpose: str) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise FoveateError(f"cannot read {path}: start `foveate reading serve` once, with the key's folder.") from error
    return hmac.digest(secret, purpose.encode(), "sha256")


def _mac(purpose: str, content: bytes) -> bytes:
    return hmac.digest(secret_for(purpose), content, "sha256")


def of_backup(content: bytes) -> str:
    return _mac("backup", content).hex()


def is_of_backup(seal: str, content: bytes) -> bool:
    return hmac.compare_digest(seal.encode(), of_backup(content).encode())


# A reader's rows: order, letters, pictures, answers, times. Their seal is the sum of their digests, so that a save
# changes it by those of its own rows; a random number in front, with a digest of its own, hides the sum.


def _answers(reader: Reader) -> set[bytes]:
    """Replies and visits of all showings."""
    of = {"showing__reader": reader}
    replies = Reply.objects.filter(**of).values_list("showing__place", *_REPLY)
    return _lines(reader, replies) | _lines(reader, Visit.objects.filter(**of).values_list("showing__place", *_VISIT))


def _order(reader: Reader) -> set[bytes]:
    """Showings and slots, which stay as they were drawn."""
    showings = Showing.objects.filter(reader=reader).values_list("place", "kind", "case").order_by()
    slots = Slot.objects.filter(showing__reader=reader).values_list("showing__place", "letter", "file").order_by()
    return _lines(reader, showings) | _lines(reader, slots)


def _lines(reader: Reader, rows: QuerySet[Any, Any]) -> set[bytes]:
    return {_line(reader, rows.model, row) for row in rows}


def _line(reader: Reader, model: type[Model], values: Iterable[object]) -> bytes:
    return json.dumps([reader.public_id, model.__name__, *map(_plain, values)]).encode()


def _line_of(reader: Reader, showing: Showing, row: Reply | Visit) -> bytes:
    names = _REPLY if isinstance(row, Reply) else _VISIT
    return _line(reader, type(row), [showing.place, *(getattr(row, name) for name in names)])


def _plain(value: object) -> object:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def _sum(rows: Iterable[bytes]) -> int:
    return sum(int.from_bytes(_mac("answers", row)) for row in rows) % _SIZE


def _sealed(total: int) -> str:
    number = secrets.token_hex(16)
    return f"{number}{(total + _sum([number.encode()])) % _SIZE:064x}"


def _total(seal: str) -> int | None:
    """The sum behind a seal; None for what is none."""
    if not re.fullmatch("[0-9a-f]{96}", seal):
        return None
    return (int(seal[32:], 16) - _sum([seal[:32].encode()])) % _SIZE


def seal_answers(reader: Reader) -> None:
    """Seal all rows of a reader as they are; only when they are drawn, or where nothing was sealed before."""
    Reader.objects.filter(pk=reader.pk).update(seal=_sealed(_sum(_order(reader) | _answers(reader))))


@contextmanager
def following(reader: Reader, showing: Showing, rows: Callable[[], Iterable[Reply | Visit]]) -> Iterator[None]:
    """Let the seal follow what this block changes at a showing, in a transaction that holds the reader's row.

    rows: all that the block may change, as they are stored when it is called, before the block and after it. What was
    altered before stays altered: the seal moves by the difference alone.
    """
    before = {_line_of(reader, showing, row) for row in rows()}
    yield
    after = {_line_of(reader, showing, row) for row in rows()}
    total = _total(reader.seal)
    if total is not None and before != after:
        change = _sum(after - before) - _sum(before - after)
        Reader.objects.filter(pk=reader.pk).update(seal=_sealed(total + change))


def altered_answers() -> list[Reader]:
    """Readers whose order, answers or times were changed by something else than this application."""
    return [reader for reader in Reader.objects.exclude(enrolled_at=None).order_by("pk") if not _is_whole(reader)]


def _is_whole(reader: Reader) -> bool:
    return _total(reader.seal) == _sum(_order(reader) | _answers(reader))


# Administrators: a seal beside each account, which follows what Django saves where it was right before.


def _account(values: Iterable[object]) -> str:
    return _mac("account", json.dumps(list(values)).encode()).hex()


def seal_account(user: User) -> None:
    AccountSeal.objects.update_or_create(
        user=user, defaults={"seal": _account(getattr(user, name) for name in _ACCOUNT)}
    )


def altered_accounts() -> list[User]:
    """Administrators whom this application did not make, or whose password or rights it did not change."""
    return [user for user in User.objects.order_by("pk") if not _is_sealed(user.pk)]


def _is_sealed(number: int) -> bool:
    stored = User.objects.filter(pk=number).values_list(*_ACCOUNT).first()
    kept = AccountSeal.objects.filter(user=number).first()
    return stored is not None and kept is not None and hmac.compare_digest(kept.seal, _account(stored))


def before_account(sender: type[Model], instance: User, raw: bool, **_: Any) -> None:
    """Django is about to save an account: note whether it is as this application left it; `raw`: it is restored."""
    instance._was_sealed = not raw and (instance.pk is None or _is_sealed(instance.pk))  # type: ignore[attr-defined]


def after_account(sender: type[Model], instance: User, **_: Any) -> None:
    """Django has saved an account. One that somebody else had altered is not sealed by a sign-in."""
    if exist() and instance._was_sealed:  # type: ignore[attr-defined]
        seal_account(User.objects.get(pk=instance.pk))
