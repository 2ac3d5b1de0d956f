"""Backups of the answers as one JSON file in a ZIP, the same from SQLite and PostgreSQL; the key is not in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core import serializers
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading.site import archive, audit, deployment, schema, study
from foveate.reading.site.archive import About
from foveate.reading.site.models import AuditEntry

FOLDER = deployment.BACKUPS
# In an order in which each row's references are there already.
MODELS = (
    "auth.User", "reading.AccountSeal", "reading.StudyState", "reading.ConsentText", "reading.Reader",
    "reading.Invitation", "reading.Showing", "reading.Slot", "reading.Reply", "reading.Visit", "reading.AuditEntry",
)  # fmt: skip


class _Exact(DjangoJSONEncoder):
    """Times to the microsecond, which Django's own cuts off: the log's digests are of them."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def default_path(name: str = "") -> Path:
    return study.place() / FOLDER / f"{name}{timezone.now():%Y-%m-%dT%H%M%S}.zip"


def write(path: Path, actor: str) -> About:
    """Write a backup, whole or not at all, for its owner alone. Raises FoveateError where there is a file already."""
    if path.exists():
        raise FoveateError(f"{path} is there already: give another name.")
    data, about = content(actor)
    deployment.write_secret(path, data)
    return about


def content(actor: str) -> tuple[bytes, About]:
    """A backup's bytes, of one moment; also from a database of an older foveate."""
    migrations = schema.applied()
    models = models_at(migrations)
    audit.record(actor, "backup made", entries=models["reading.AuditEntry"])
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        rows = [row for model in models.values() for row in model._default_manager.order_by("pk").iterator()]
        text = serializers.serialize("json", rows, cls=_Exact)
        about = _about(models, migrations)
    return archive.packed(about, text), about


def _about(models: dict[str, Any], migrations: tuple[str, ...]) -> About:
    begun = models["reading.StudyState"].objects.first()
    if begun is None:
        raise FoveateError("the study's database is empty: start `foveate reading serve` once.")
    last = models["reading.AuditEntry"].objects.order_by("-pk").first()
    readers = tuple(models["reading.Reader"].objects.order_by("pk").values_list("public_id", flat=True))
    made_at = timezone.now().isoformat(timespec="seconds")
    return About(begun.fingerprint, made_at, readers, migrations, last.pk, last.digest)


def models_at(migrations: tuple[str, ...]) -> dict[str, Any]:
    """The models of a database or a backup with these migrations, by name, in their order."""
    apps, found = schema.apps_at(migrations), {}
    for label in MODELS:
        try:
            found[label] = apps.get_model(label)
        except LookupError:  # made by a later migration
            continue
    return found


def listed() -> list[tuple[Path, About]]:
    """The backups in OUT/reading/backups, oldest first; what cannot be read is left out."""
    found = []
    for path in sorted((study.place() / FOLDER).glob("*.zip")):
        try:
            found.append((path, archive.read_about(path)))
        except FoveateError:
            continue
    return sorted(found, key=lambda own: own[1].made_at)


def holding(public_id: str) -> list[Path]:
    """Backups that still hold this reader."""
    return [path for path, about in listed() if public_id in about.readers]


def last_made() -> datetime | None:
    entry = AuditEntry.objects.filter(action="backup made").order_by("-id").first()
    return entry.at if entry else None
