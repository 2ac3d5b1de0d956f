"""Is this deployment fit for readers? Each check says what is right, or what is wrong and how to mend it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import connection
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading import cases_and_key, package
from foveate.reading.site import accounts, audit, backup, deployment, erasing, log_copy, schema, seals, state, study

Level = Literal["good", "note", "bad"]
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs", "lustre"}
_OLD = timedelta(days=7)


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    level: Level
    what: str


def findings() -> list[Finding]:
    """All checks, in the order in which a deployment is set up."""
    checks: list[Callable[[], Iterator[Finding]]] = [_files, _permissions, _database, _file_system, _address]
    if not schema.unknown(schema.applied()) and not schema.lacking():
        checks += [_setup, records, _backups]
    return [finding for check in checks for finding in check()]


def _files() -> Iterator[Finding]:
    place = study.place()
    try:
        package.verify(place)
        cases_and_key.layers(cases_and_key.read_key(place))
        cases_and_key.read_seed(place)
    except FoveateError as error:
        yield Finding("bad", f"{error}")
    else:
        yield Finding("good", "images, key and seed are as they were made")


def _permissions() -> Iterator[Finding]:
    if os.name != "posix":
        yield Finding("note", "file permissions are not checked on this system")
        return
    place = study.place()
    private = [
        place,
        *(
            place / name
            for name in (cases_and_key.KEY, deployment.SECRETS, deployment.DATABASE, log_copy.FILE, backup.FOLDER)
        ),
    ]
    for path in (path for path in private if path.exists()):
        if path.stat().st_mode & 0o077:
            yield Finding("bad", f"others may read {path}: chmod go= {path}")
    if not any(path.exists() and path.stat().st_mode & 0o077 for path in private):
        yield Finding("good", "key, secrets and database are for their owner alone")


def _database() -> Iterator[Finding]:
    try:
        schema.refuse_other()
    except FoveateError as error:
        yield Finding("bad", f"{error}")
        return
    if connection.vendor != "sqlite":
        yield Finding("good", f"the database is {connection.display_name}, up to date")
        return
    with connection.cursor() as cursor:
        found = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        sound = cursor.execute("PRAGMA quick_check").fetchone()[0]
    if found != ["wal", 2]:
        yield Finding("bad", f"SQLite runs with journal_mode={found[0]}, synchronous={found[1]}, not WAL and FULL (2)")
    elif sound != "ok":
        yield Finding("bad", f"the database is damaged ({sound}): restore a backup")
    else:
        yield Finding("good", "the database is SQLite, sound, with WAL and synchronous=FULL")


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
    own: deployment.Deployment = settings.DEPLOYMENT
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


def _setup() -> Iterator[Finding]:
    try:
        state.refuse_other_files(state.state())
    except FoveateError as error:
        yield Finding("bad", f"{error}")
        return
    if not accounts.exist():
        yield Finding("bad", "there is no administrator: `foveate reading admin OUT --reset` makes a link")
    obstacles = state.obstacles()
    for obstacle in obstacles:
        yield Finding("note", obstacle)
    if not obstacles:
        yield Finding("good", "readers can be invited")


def records() -> Iterator[Finding]:
    """Whether the log, the answers and the accounts are as this application left them."""
    yield from _log()
    if not erasing.is_finished():
        yield Finding("note", "words of an erased reader are still in the database's files, while somebody reads it")
    if not seals.exist():
        yield Finding("bad", "secrets/seals is missing, so nothing tells whether answers were altered: start `serve`")
        return
    bad = [f"the answers of {own.pseudonym} were altered outside foveate" for own in seals.altered_answers()]
    bad += [
        f"the administrator {user.get_username()} was made or altered outside foveate"
        for user in seals.altered_accounts()
    ]
    if not bad:
        yield Finding("good", "answers and administrators' accounts are as foveate stored them")
    for what in bad:
        yield Finding("bad", f"{what}: find out by whom; restore a backup")


def _log() -> Iterator[Finding]:
    broken, missing = audit.broken_at(), log_copy.missing()
    if broken is not None:
        yield Finding("bad", f"the log was changed at entry {broken}: find out by whom; restore a backup")
    elif missing is not None:
        yield Finding(
            "bad", f"the log lacks entry {missing.entry} ({missing.at[:10]}, {missing.action}), which "
            f"{log_copy.path()} has: find out by whom it was cut off; restore a backup"
        )  # fmt: skip
    else:
        yield Finding("good", "the log hangs together, and lacks nothing of its copy")


def _backups() -> Iterator[Finding]:
    last = backup.last_made()
    if last is None:
        yield Finding("note", "there is no backup yet: `foveate reading backup OUT`; keep key/ in another place")
    elif timezone.now() - last > _OLD:
        yield Finding("note", f"the last backup is of {last:%Y-%m-%d}: `foveate reading backup OUT`")
    else:
        yield Finding("good", f"the last backup is of {last:%Y-%m-%d %H:%M} UTC")
