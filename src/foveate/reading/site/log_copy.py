"""OUT/reading/log.csv: a copy of the log outside the database, by which a shortened log is noticed.

The log's chain shows changes in its middle; who can write the database could cut off its end, or make all of it anew.
The copy lies with the server's files, where who reaches the database alone does not reach. A line is added after each
commit; what is missing, as after a crash, is added with the next one. After a restore it is set aside: it tells what
was done since the backup.
"""

from __future__ import annotations

import csv
import io
import logging
import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from django.utils import timezone

from foveate import runs
from foveate.errors import FoveateError
from foveate.reading.site import deployment, study
from foveate.reading.site.models import AuditEntry

FILE = deployment.LOG
_END = 8192  # bytes that hold some lines
_LOG = logging.getLogger("foveate.reading")


@dataclass(frozen=True)
class Line:
    """One entry, as it is in the copy."""

    entry: int
    at: str
    actor: str
    action: str
    subject: str
    digest: str


COLUMNS = [field.name for field in fields(Line)]


def path() -> Path:
    return study.place() / FILE


def read() -> dict[int, Line]:
    """The entries by number. A line that a crash tore is left out: its entry was added again."""
    if not path().exists():
        return {}
    with runs.disk_errors(path()):
        return _parsed(path().read_bytes())


def _parsed(content: bytes) -> dict[int, Line]:
    rows = [next(csv.reader([line]), []) for line in content.decode(errors="replace").splitlines()]
    lines = [Line(int(row[0]), *row[1:]) for row in rows if len(row) == len(COLUMNS) and row[0].isdigit()]
    return {line.entry: line for line in lines if len(line.digest) == 64}


def _last() -> int:
    """The number of the last entry, from the end of the file; 0 where there is none."""
    if not path().exists():
        return 0
    with runs.disk_errors(path()), path().open("rb") as file:
        file.seek(max(0, path().stat().st_size - _END))
        return max(_parsed(file.read()), default=0)


def catch_up() -> None:
    """Add the entries that are not in it yet. Raises FoveateError where the disk refuses."""
    new = [_line(entry) for entry in AuditEntry.objects.filter(pk__gt=_last()).order_by("pk")]
    if not new:
        return
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(astuple(line) for line in new)
    _append(text.getvalue())


def _line(entry: AuditEntry) -> Line:
    at = entry.at.isoformat(timespec="microseconds")
    return Line(entry.pk, at, entry.actor, entry.action, entry.subject, entry.digest)


def _append(text: str) -> None:
    """One write, so that two processes do not mix their lines; a line end first, in case the last line is torn."""
    with runs.disk_errors(path()):
        there = path().exists() and path().stat().st_size > 0
        handle = os.open(path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, (("\n" if there else ",".join(COLUMNS) + "\n") + text.rstrip("\n")).encode())
            os.fsync(handle)
        finally:
            os.close(handle)


def after_commit() -> None:
    """The same, for a deed that is done: a full disk does not undo it, and the next entry brings this one along."""
    try:
        catch_up()
    except FoveateError as error:
        _LOG.error("%s", error)


def missing() -> Line | None:
    """The first entry of the copy that the database's log has not, or has otherwise; None where all are there."""
    kept = dict(AuditEntry.objects.values_list("pk", "digest"))
    return next((line for number, line in sorted(read().items()) if kept.get(number) != line.digest), None)


def since(entry: int, digest: str) -> list[Line] | None:
    """What was logged after this entry; None where the copy does not know it, so that nothing can be said."""
    lines = read()
    if entry not in lines or lines[entry].digest != digest:
        return None
    return [line for number, line in sorted(lines.items()) if number > entry]


def set_aside() -> Path | None:
    """Keep the copy under another name, for another log that takes its place; where it is now."""
    if not path().exists():
        return None
    aside = path().with_name(f"log-until-{timezone.now():%Y-%m-%dT%H%M%S}.csv")
    with runs.disk_errors(path()):
        path().rename(aside)
    return aside
