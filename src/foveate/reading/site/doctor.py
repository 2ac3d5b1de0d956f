"""Is this deployment fit for readers? Each check says what is right, or what is wrong and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.utils import Error as DatabaseFailure
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading.site import (
    accounts,
    backup,
    begun,
    clock,
    file_checks,
    record_checks,
    schema,
    state,
    study,
    throttle,
)
from foveate.reading.site.deployment import Deployment
from foveate.reading.site.file_checks import Check, Finding
from foveate.reading.site.models import AuditEntry, StudyState

NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs", "lustre"}
_OLD = timedelta(days=7)
_ROW = throttle.Limit("doctor", 1, 1)


def findings() -> list[Finding]:
    """All checks, in the order in which a deployment is set up. What fails is a finding, and the next check is made."""
    found = file_checks.findings(study.place())
    away = _away()
    if away is not None:
        return [*found, *_made("asking the public address", _address), away]
    of_this_version = not schema.unknown(schema.applied()) and not schema.lacking()
    for what, check in (_ALWAYS | _UP_TO_DATE if of_this_version else _ALWAYS).items():
        found += _made(what, check)
    return found


def _made(what: str, check: Check) -> list[Finding]:
    """A check's findings; the database's refusal becomes one, as every other failure does."""

    def guarded() -> Iterator[Finding]:
        try:
            with transaction.atomic() if connection.in_atomic_block else nullcontext():
                yield from check()
        except DatabaseFailure as error:
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            yield Finding("bad", f"{what} failed: {_reason(error)}")

    return file_checks.made(what, guarded)


def _away() -> Finding | None:
    """Whether the database can be asked at all; nothing is made where there is none."""
    try:
        known = begun.read(study.place())
        if begun.is_empty():
            told = "the database is empty: start `foveate reading serve` once"
            return Finding("bad", begun.emptied(study.place(), known) if known else told)
    except DatabaseFailure as error:
        return Finding("bad", f"the database cannot be used: {_reason(error)}")
    except FoveateError as error:
        return Finding("bad", f"{error}")
    return None


def _reason(error: DatabaseFailure) -> str:
    """The database's own words, and what to do."""
    told = str(error).strip().partition("\n")[0].rstrip(".")
    for words, advice in _ADVICE.items():
        if any(word in told.lower() for word in words.split("|")):
            return f"{told}; {advice}"
    return f"{told}; restore a backup"


_ADVICE = {
    "locked": "another program holds it: end that one, and look again",
    "readonly|read-only|full": "see that its file, its folder and its disk can be written",
    "unable to open|is a directory|permission": "see that its file is there, and for the account that serves",
    "connect|refused|timeout|server closed|terminating|does not exist on": "see that the database server runs",
}


def _database() -> Iterator[Finding]:
    try:
        schema.refuse_other()
    except FoveateError as error:
        yield Finding("bad", f"{error}")
        return
    if connection.vendor != "sqlite":
        yield Finding("good", f"the database is {connection.display_name}, up to date")
        return
    found = [_pragma(name)[0] for name in ("journal_mode", "synchronous")]
    if found != ["wal", 2]:
        yield Finding("bad", f"SQLite runs with journal_mode={found[0]}, synchronous={found[1]}, not WAL and FULL (2)")
    else:
        yield Finding("good", "the database is SQLite, up to date, with WAL and synchronous=FULL")


def _pragma(name: str) -> list[Any]:
    """What SQLite says of itself, a value a row."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return [row[0] for row in cursor.fetchall()]


def _soundness() -> Iterator[Finding]:
    """SQLite looks through its own file; of PostgreSQL every row is read, which asks for every page."""
    if connection.vendor == "sqlite":
        told = _pragma("integrity_check(3)")
        if told != ["ok"]:
            words = " ".join(" ".join(told).split())
            yield Finding("bad", f"the database is damaged ({words}): restore a backup")
            return
    for model in (*backup.models_at(schema.applied()).values(), Session):
        for _row in model._default_manager.values_list().iterator():
            pass
    yield Finding("good", "the database is sound: every row can be read")


def _writing() -> Iterator[Finding]:
    """A row, and back again."""
    with transaction.atomic():
        throttle.spend(_ROW, "doctor")
        transaction.set_rollback(True)
    yield Finding("good", "the database can be written")


def _belonging() -> Iterator[Finding]:
    """Are these the files and the database of the same study?"""
    own, known = StudyState.objects.first(), begun.read(study.place())
    if own is None:
        told = "the database is empty: start `foveate reading serve` once"
        yield Finding("bad", begun.emptied(study.place(), known) if known else told)
        return
    state.refuse_other_files(own)
    if known is None:
        yield Finding("note", "nothing says beside the database that the study was begun: the next `serve` notes it")
    elif known.mark != own.mark:
        yield Finding("bad", begun.another(study.place(), known))
    else:
        yield Finding("good", "the database is that of this study")


def _file_system() -> Iterator[Finding]:
    if connection.vendor != "sqlite":
        return
    kind = file_system(study.place().resolve())
    if kind is None:
        yield Finding("note", "the kind of file system is not known here: SQLite needs a local one")
    elif kind in NETWORK:
        yield Finding(
            "bad", f"{study.place()} lies on a network file system ({kind}), where SQLite loses data: move it to a "
            "local disk, or use --database postgresql://…"
        )  # fmt: skip
    else:
        yield Finding("good", f"the database lies on a local file system ({kind})")


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The type of the file system that a path lies on, from Linux's list of mounts; None elsewhere."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    except OSError:
        return None
    known = {Path(_unescaped(line[1])): line[2] for line in lines if len(line) > 2}
    for folder in (path, *path.parents):
        if folder in known:
            return known[folder]
    return None


def _unescaped(text: str) -> str:
    """Linux writes blanks and backslashes in octal digits: \\040, \\134."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _address() -> Iterator[Finding]:
    own: Deployment = settings.DEPLOYMENT
    if own.url is None:
        yield Finding("note", f"served to this machine alone, at {own.address}: readers elsewhere need --url")
        return
    yield Finding("good", f"links begin with {own.url}; cookies are Secure and __Host-, HSTS is sent")
    yield from _over_tls(own.url)


def _over_tls(url: str) -> Iterator[Finding]:
    """Ask the public address, as a reader's browser would."""
    import http.client
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/return", timeout=10) as answer:  # https only: checked by deployment
            headers = answer.headers
    except (OSError, http.client.HTTPException) as error:  # URLError and SSLError among them
        yield Finding("bad", f"{url} does not answer over TLS ({error}): see the web server in front")
        return
    cookies = headers.get_all("Set-Cookie") or []
    if not any(cookie.startswith("__Host-") and "Secure" in cookie for cookie in cookies):
        yield Finding("bad", f"{url} sends no __Host- cookie: is it this study that answers there?")
    elif "Strict-Transport-Security" not in headers:
        yield Finding("bad", f"{url} sends no Strict-Transport-Security: the proxy must pass X-Forwarded-Proto")
    else:
        yield Finding("good", f"{url} answers over TLS, with HSTS and __Host- cookies")


def _clock() -> Iterator[Finding]:
    last = AuditEntry.objects.order_by("-at").first()
    if last is not None and last.at > clock.latest():
        yield Finding(
            "bad",
            f"the log has an entry of {last.at:%Y-%m-%d %H:%M} UTC, which is still to come: the clock is wrong now, or "
            "was then; links and sessions of that time do not work",
        )


def _setup() -> Iterator[Finding]:
    if not accounts.exist():
        yield Finding("bad", "there is no administrator: `foveate reading admin OUT --reset` makes a link")
    obstacles = state.obstacles()
    for obstacle in obstacles:
        yield Finding("note", obstacle)
    if not obstacles:
        yield Finding("good", "readers can be invited")


def _backups() -> Iterator[Finding]:
    last = backup.last_made()
    if last is None:
        yield Finding("note", "there is no backup yet: `foveate reading backup OUT`; keep key/ in another place")
    elif last > clock.latest():
        yield Finding("note", f"the last backup bears a day that is still to come, {last:%Y-%m-%d}: make another one")
    elif timezone.now() - last > _OLD:
        yield Finding("note", f"the last backup is of {last:%Y-%m-%d}: `foveate reading backup OUT`")
    else:
        yield Finding("good", f"the last backup is of {last:%Y-%m-%d %H:%M} UTC")


_ALWAYS: dict[str, Check] = {
    "asking the database": _database,
    "reading what the database holds": _soundness,
    "asking for the file system": _file_system,
    "asking the public address": _address,
}
_UP_TO_DATE: dict[str, Check] = {  # what an older or a newer foveate's tables have no answer to
    "writing to the database": _writing,
    "asking whose database it is": _belonging,
    "reading what is set up": _setup,
    "reading the log": record_checks.log,
    "reading what is sealed": record_checks.sealed,
    "reading the log's times": _clock,
    "reading when backups were made": _backups,
}
