"""Backups of the answers as one JSON file in a ZIP, the same from SQLite and PostgreSQL; the key is not in it."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core import serializers
from django.core.serializers.base import DeserializationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading import results
from foveate.reading.site import audit, deployment, enrolment, state, study
from foveate.reading.site.models import (
    AuditEntry,
    ConsentText,
    Invitation,
    Reader,
    Reply,
    Showing,
    Slot,
    StudyState,
    Visit,
)

FOLDER = deployment.BACKUPS
_DATA, _ABOUT = "answers.json", "about.json"
_LARGEST = 2**30  # bytes
# In an order in which each row's references are there already.
MODELS = (User, StudyState, ConsentText, Reader, Invitation, Showing, Slot, Reply, Visit, AuditEntry)


@dataclass(frozen=True)
class About:
    """What a backup is of."""

    fingerprint: str
    made_at: str
    readers: tuple[str, ...]  # public ids


class _Exact(DjangoJSONEncoder):
    """Times to the microsecond, which Django's own cuts off: the log's digests are of them."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def default_path() -> Path:
    return study.place() / FOLDER / f"{timezone.now():%Y-%m-%dT%H%M%S}.zip"


def write(path: Path, actor: str) -> About:
    """Write a backup, whole or not at all, for its owner alone. Raises FoveateError where there is a file already."""
    if path.exists():
        raise FoveateError(f"{path} is there already: give another name.")
    data, about = content(actor)
    deployment.write_secret(path, data)
    return about


def content(actor: str) -> tuple[bytes, About]:
    """A backup's bytes, of one moment."""
    audit.record(actor, "backup made")
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = [row for model in MODELS for row in model._default_manager.order_by("pk").iterator()]
        text = serializers.serialize("json", rows, cls=_Exact)
        readers = tuple(Reader.objects.order_by("pk").values_list("public_id", flat=True))
        about = About(state.state().fingerprint, timezone.now().isoformat(timespec="seconds"), readers)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_ABOUT, json.dumps(about.__dict__, indent=2))
        archive.writestr(_DATA, text)
    return buffer.getvalue(), about


def read_about(path: Path) -> About:
    """Raises FoveateError where the file is no backup."""
    return _read(path)[0]


def _read(path: Path) -> tuple[About, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            if max(archive.getinfo(name).file_size for name in (_ABOUT, _DATA)) > _LARGEST:
                raise FoveateError(f"{path} is no backup of a reader study: it is too large.")
            data = json.loads(archive.read(_ABOUT))
            about = About(data["fingerprint"], data["made_at"], tuple(data["readers"]))
            datetime.fromisoformat(about.made_at)  # or ValueError
            return about, archive.read(_DATA).decode()
    except OSError as error:
        raise FoveateError(f"cannot read {path}: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise FoveateError(f"{path} is no backup of a reader study, or a damaged one.") from error


def restore(path: Path) -> tuple[About, list[str]]:
    """Fill an empty database from a backup; the public ids of readers that were erased since and are again now.

    Raises FoveateError where the backup is another study's or damaged, or the database holds readers already: then
    nothing is changed.
    """
    about, text = _read(path)
    if about.fingerprint != state.state().fingerprint:
        raise FoveateError(f"{path} is a backup of another reader study: its cases or questions differ from these.")
    if Reader.objects.exists() or User.objects.exists():
        raise FoveateError(
            "the database holds readers or administrators already: restore into an empty one "
            "(move database.sqlite3 away, or give an empty --database)."
        )
    try:
        with transaction.atomic():
            return about, _fill(path, about, text)
    except (DeserializationError, IntegrityError, DataError, KeyError, ValueError, TypeError) as error:
        raise FoveateError(f"{path} is damaged: {' '.join(str(error).split())}.") from error


def _fill(path: Path, about: About, text: str) -> list[str]:
    """Put rows in place of those of a new study, in the surrounding transaction; who was erased again."""
    _clear_new_study()
    for row in serializers.deserialize("json", text):
        row.save(force_insert=True)  # an update, even of nothing, is what the log refuses
    _set_sequences()
    readers = tuple(Reader.objects.order_by("pk").values_list("public_id", flat=True))
    if readers != about.readers or state.state().fingerprint != about.fingerprint:
        raise FoveateError(f"{path} is damaged: it does not hold what it says.")
    if audit.broken_at() is not None:
        raise FoveateError(f"{path} is damaged: its log does not hang together.")
    if results.exists(study.place()) and state.state().unblinded_at is None:
        raise FoveateError(
            f"{path} is from before the study was unblinded: answers that are known by model could be changed. "
            f"Move {study.place() / results.FOLDER} away if that is meant."
        )
    audit.record(audit.COMMAND, "restored", about.made_at)
    again = [number for number in enrolment.erased() if Reader.objects.filter(public_id=number).exists()]
    for number in again:
        enrolment.erase(Reader.objects.get(public_id=number), audit.COMMAND)
    return again


def _clear_new_study() -> None:
    """Remove the rows that a new database begins with; its log refuses this otherwise."""
    with audit.may_be_emptied():
        AuditEntry.objects.all().delete()
    ConsentText.objects.all().delete()
    StudyState.objects.all().delete()


def _set_sequences() -> None:
    """PostgreSQL counts on from where the restored rows end."""
    from django.core.management.color import no_style

    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(MODELS)):
            cursor.execute(statement)


def listed() -> list[tuple[Path, About]]:
    """The backups in OUT/reading/backups, oldest first; what cannot be read is left out."""
    found = []
    for path in sorted((study.place() / FOLDER).glob("*.zip")):
        try:
            found.append((path, read_about(path)))
        except FoveateError:
            continue
    return found


def holding(public_id: str) -> list[Path]:
    """Backups that still hold this reader."""
    return [path for path, about in listed() if public_id in about.readers]


def last_made() -> datetime | None:
    entry = AuditEntry.objects.filter(action="backup made").order_by("-id").first()
    return entry.at if entry else None
