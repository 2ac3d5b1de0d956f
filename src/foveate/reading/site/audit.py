"""The log of what was done to a study: append-only, chained, without texts, names or addresses; log.csv is its copy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from foveate.reading.site import log_copy
from foveate.reading.site.models import AuditEntry

START = "0" * 64
COMMAND, VISITOR = "command", "visitor"  # actors
_LOCK = 20210914  # of PostgreSQL, so that two entries never follow the same one


def reader(public_id: str) -> str:
    return f"reader:{public_id}"


def administrator(number: int) -> str:
    return f"administrator:{number}"


def record(actor: str, action: str, subject: str = "", entries: type[AuditEntry] = AuditEntry) -> AuditEntry:
    """Append an entry, in the transaction that surrounds the deed, if there is one.

    entries: the table as the database has it, where that is of an older foveate.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        last = entries.objects.order_by("-id").first()
        previous = last.digest if last else START
        at = timezone.now()
        digest = _digest(at, actor, action, subject, previous)
        transaction.on_commit(log_copy.after_commit)
        return entries.objects.create(
            at=at, actor=actor, action=action, subject=subject, previous=previous, digest=digest
        )


@contextmanager
def may_be_emptied() -> Iterator[None]:
    """Let the log be deleted in this block, inside a transaction: only to restore another in its place."""
    with connection.cursor() as cursor:
        for statement in refusals(connection.vendor)[1]:
            cursor.execute(statement)
        yield
        for statement in refusals(connection.vendor)[0]:
            cursor.execute(statement)


def refusals(vendor: str) -> tuple[list[str], list[str]]:
    """SQL by which the database refuses to change or delete entries, and SQL that takes it back."""
    if vendor == "postgresql":
        function = (
            "CREATE OR REPLACE FUNCTION reading_log_stays() RETURNS trigger AS $$ BEGIN "
            "RAISE EXCEPTION 'the log is append-only'; END $$ LANGUAGE plpgsql"
        )
        trigger = (
            "CREATE TRIGGER reading_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON reading_auditentry "
            "FOR EACH STATEMENT EXECUTE FUNCTION reading_log_stays()"
        )
        return [function, trigger], ["DROP TRIGGER IF EXISTS reading_log_stays ON reading_auditentry"]
    made, gone = [], []
    for deed in ("UPDATE", "DELETE"):
        name = f"reading_log_stays_{deed.lower()}"
        made.append(
            f"CREATE TRIGGER {name} BEFORE {deed} ON reading_auditentry "
            "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        )
        gone.append(f"DROP TRIGGER IF EXISTS {name}")
    return made, gone


def broken_at() -> int | None:
    """The id of the first entry that does not follow from the one before; None where the chain is whole."""
    previous = START
    for entry in AuditEntry.objects.order_by("id").iterator():
        expected = _digest(entry.at, entry.actor, entry.action, entry.subject, previous)
        if entry.previous != previous or entry.digest != expected:
            return entry.pk
        previous = entry.digest
    return None


def _digest(at: datetime, *parts: str) -> str:
    return hashlib.sha256("\0".join([at.isoformat(timespec="microseconds"), *parts]).encode()).hexdigest()
