"""A backup as a file: what it is of, its rows as JSON, and a seal of both, in one ZIP."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from foveate.errors import FoveateError
from foveate.reading.site import schema, seals

FORMAT = 2  # 1: without a format, migrations, the log's head and a seal
_DATA, _ABOUT, _SEAL = "answers.json", "about.json", "seal"
_LARGEST = 2**30  # bytes


@dataclass(frozen=True)
class About:
    """What a backup is of."""

    fingerprint: str
    made_at: str
    readers: tuple[str, ...]  # public ids
    migrations: tuple[str, ...] = schema.FIRST  # of the database
    log_entry: int = 0  # the last one's number
    log_digest: str = ""  # and its digest, which stands for all before it
    format: int = FORMAT


@dataclass(frozen=True)
class Archive:
    """A backup, read."""

    path: Path
    about: About
    rows: str  # JSON
    seal: str | None  # None: it has none
    content: bytes  # that the seal is of

    @property
    def is_sealed(self) -> bool:
        """Whether it is as it was written, by a study with this secret."""
        return self.seal is not None and seals.is_of_backup(self.seal, self.content)


def packed(about: About, rows: str) -> bytes:
    """The ZIP's bytes; without a seal where the study has no secret yet."""
    own = json.dumps(asdict(about), indent=2)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_ABOUT, own)
        archive.writestr(_DATA, rows)
        if seals.exist():
            archive.writestr(_SEAL, seals.of_backup(_content(own.encode(), rows.encode())))
    return buffer.getvalue()


def _content(about: bytes, rows: bytes) -> bytes:
    return len(about).to_bytes(8, "big") + about + rows


def read_about(path: Path) -> About:
    """Raises FoveateError where the file is no backup."""
    return read(path).about


def read(path: Path) -> Archive:
    """Raises FoveateError where the file is no backup, or one of a newer foveate that cannot be told."""
    try:
        with zipfile.ZipFile(path) as archive:
            there = set(archive.namelist())
            if max(archive.getinfo(name).file_size for name in {_ABOUT, _DATA, *(there & {_SEAL})}) > _LARGEST:
                raise FoveateError(f"{path} is no backup of a reader study: it is too large.")
            own, rows = archive.read(_ABOUT), archive.read(_DATA)
            seal = archive.read(_SEAL).decode("ascii").strip() if _SEAL in there else None
        return Archive(path, _about(path, json.loads(own)), rows.decode(), seal, _content(own, rows))
    except OSError as error:
        raise FoveateError(f"cannot read {path}: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise FoveateError(f"{path} is no backup of a reader study, or a damaged one.") from error


def _about(path: Path, data: dict[str, object]) -> About:
    if data.get("format", 1) not in (1, FORMAT):
        raise FoveateError(f"{path} was made by a newer foveate (format {data['format']}): restore it with that one.")
    datetime.fromisoformat(str(data["made_at"]))  # or ValueError
    return About(
        str(data["fingerprint"]),
        str(data["made_at"]),
        _names(data["readers"]),
        _names(data.get("migrations", schema.FIRST)),
        int(str(data.get("log_entry", 0))),
        str(data.get("log_digest", "")),
        int(str(data.get("format", 1))),
    )


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise TypeError("not a list of names")
    return tuple(value)
