"""What was erased leaves the database's files, too: no page, no log written ahead, keeps a reader's words.

Deleting a row frees its place; the bytes stay in SQLite's write-ahead log, in pages whose cells were moved, or in
PostgreSQL's dead rows. So the tables are written anew after the deed, and the log is emptied. Whoever reads at that
moment holds it up: a file says so, and the work is done at the next chance, by whichever process comes to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.sessions.models import Session
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from foveate.reading.site import access, deployment, study
from foveate.reading.site.models import Reader, Reply, Showing, Slot, Visit

UNFINISHED = "erasing-unfinished"  # a file of OUT/reading/secrets, while words may be left
PATIENCE, BRIEFLY = 10.0, 0.5  # seconds to wait for who reads: of a command, of a page
_LOG = logging.getLogger("foveate.reading")
_TABLES = (Reader, Showing, Slot, Reply, Visit, Session)  # in which a reader's words and traces stood

_tried = 0.0  # when, by the monotonic clock


def _mark() -> Path:
    return study.place() / deployment.SECRETS / UNFINISHED


def afterwards() -> None:
    """Call it in the transaction that deletes: its words go from the files once it is committed."""
    deployment.write_secret(_mark(), f"{timezone.now().isoformat()}\n")
    transaction.on_commit(lambda: finish(BRIEFLY))


def end_sessions(reader: Reader) -> None:
    """Delete the sessions of a reader who is about to be deleted."""
    for session in Session.objects.iterator():
        if session.get_decoded().get(access.READER) == reader.pk:
            session.delete()


def is_finished() -> bool:
    return not _mark().exists()


def finish(patience: float) -> bool:
    """Remove what is left of erased words; False where somebody still reads, or the disk is full: it is tried again."""
    if is_finished():
        return True
    try:
        done = _write_anew(patience)
    except OperationalError as error:
        _LOG.warning("erased words are still in the database's files: %s", str(error).strip())
        return False
    if done:
        _mark().unlink(missing_ok=True)
    return done


def _write_anew(patience: float) -> bool:
    if connection.vendor == "postgresql":
        return _vacuum_full(patience)
    with _waiting(patience):
        if not _log_emptied():  # whoever reads now would keep what VACUUM writes, too
            return False
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
        return _log_emptied()


def _log_emptied() -> bool:
    with connection.cursor() as cursor:
        ((busy, _pages, _moved),) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return not busy


@contextmanager
def _waiting(patience: float) -> Iterator[None]:
    """SQLite waits as long as this for others, and then as long as before."""
    with connection.cursor() as cursor:
        ((before,),) = cursor.execute("PRAGMA busy_timeout").fetchall()
        cursor.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}").fetchall()
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {before}").fetchall()


def _vacuum_full(patience: float) -> bool:
    """Rows that a transaction from before still sees would be copied: it is waited for."""
    end = time.monotonic() + patience
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        while _older_than(now):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(patience * 1000)}ms"])
        try:
            for model in _TABLES:
                cursor.execute(f"VACUUM FULL {connection.ops.quote_name(model._meta.db_table)}")
        finally:
            cursor.execute("RESET lock_timeout")
    return True


def _older_than(at: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < %s",
            [at],
        )
        found: tuple[int] = cursor.fetchone()
    return found[0] > 0


def after_a_page(**_: Any) -> None:
    """A next chance, once a second at most, in whichever thread: Django calls it after every answer."""
    global _tried
    if is_finished() or connection.in_atomic_block or time.monotonic() - _tried < 1:
        return
    _tried = time.monotonic()
    finish(0)
