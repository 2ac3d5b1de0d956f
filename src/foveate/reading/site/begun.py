"""That a study was begun stands beside its database too: an emptied or another one is not taken for a new study.

secrets/begun.json and the database hold the same random mark.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import connection
from django.utils import timezone

from foveate import runs
from foveate.errors import FoveateError
from foveate.reading.site import deployment
from foveate.reading.site.models import StudyState


@dataclass(frozen=True)
class Begun:
    """begun.json."""

    mark: str  # random
    fingerprint: str  # of the study's files
    begun_at: str  # ISO 8601


def path(place: Path) -> Path:
    return place / deployment.SECRETS / deployment.BEGUN


def read(place: Path) -> Begun | None:
    """None where the study was not begun, or by an older version. Raises FoveateError for a damaged file."""
    file = path(place)
    if not file.exists():
        return None
    data = runs.read_json(file)
    try:
        found = Begun(**data)
    except TypeError:
        found = Begun("", "", "")
    if not all(isinstance(own, str) and own for own in asdict(found).values()):
        raise FoveateError(
            f"{file} is not what `foveate reading serve` wrote. If the database is the right one, remove the file: "
            "it is written anew."
        )
    return found


def new_mark() -> str:
    return secrets.token_hex(16)


def refuse_empty(place: Path) -> None:
    """Raises FoveateError where the study was begun and its database has not even tables. Makes no database."""
    known = read(place)
    if known is not None and is_empty():
        raise FoveateError(emptied(place, known))


def refuse_anew(place: Path) -> None:
    """Raises FoveateError where the study was begun, and would be once more."""
    known = read(place)
    if known is not None:
        raise FoveateError(emptied(place, known))


def emptied(place: Path, known: Begun) -> str:
    """What is wrong where the database is empty, and how to go on."""
    return (
        f"the study was begun on {known.begun_at[:10]}, and its database is empty now: restore a backup with "
        f"`foveate reading restore {place} FILE`. To begin anew on purpose, remove {path(place)}."
    )


def is_empty() -> bool:
    """Whether the database has not even tables."""
    if connection.vendor == "sqlite":
        file = Path(connection.settings_dict["NAME"])
        if not file.exists() or (file.is_file() and not file.stat().st_size):  # asking would make the file
            return True
    return StudyState._meta.db_table not in connection.introspection.table_names()


def agree(place: Path, own: StudyState) -> None:
    """See that the database is the one with which the study was begun; note it where nothing is noted yet.

    Raises FoveateError where it is another one.
    """
    known = read(place)
    if known is None:
        note(place, own)
    elif not own.mark:  # a backup that could not be restored was to take its place
        raise FoveateError(emptied(place, known))
    elif known.mark != own.mark:
        raise FoveateError(another(place, known))


def another(place: Path, known: Begun) -> str:
    """What is wrong where the database is another one, and how to go on."""
    return (
        f"the database is not the one with which this study was begun on {known.begun_at[:10]}: put that one back, or "
        f"restore a backup into an empty one. If it is the right one all the same, remove {path(place)}."
    )


def note(place: Path, own: StudyState) -> None:
    """Write the database's mark beside it; a database of an older version gets one first."""
    if not own.mark:
        own.mark = new_mark()
        own.save(update_fields=["mark"])
    begun_at = timezone.now().isoformat(timespec="seconds")
    deployment.write_secret(
        path(place), json.dumps(asdict(Begun(own.mark, own.fingerprint, begun_at)), indent=2) + "\n"
    )
