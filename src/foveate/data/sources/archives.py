"""A zip is unpacked safely into a cache outside of the data, once: the same bytes are found there again."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

import filelock

from foveate import runs
from foveate.errors import FoveateError

CACHE = "FOVEATE_CACHE"  # names the cache's folder; --cache sets it
LARGEST_TOTAL = 64 * 2**30  # bytes unpacked; more is refused
LARGEST_RATIO = 200  # bytes unpacked to bytes packed; images reach 2, blank volumes 100, a zip bomb 1,000 and more
_SMALL = 2**20  # bytes; a smaller file does no harm at any ratio
_CHUNK = 2**20


def cache_folder() -> Path:
    """Where archives are unpacked: $FOVEATE_CACHE, else foveate in $XDG_CACHE_HOME, else ~/.cache/foveate."""
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foveate"


def unpacked(archive: Path) -> Path:
    """The folder in the cache that holds the archive's files, unpacked first where it is new.

    Its name is the archive's SHA-256; it is there whole or not at all. Raises FoveateError as `unpack` does.
    """
    name = sha256(archive)
    place = cache_folder() / "archives" / name
    if place.is_dir():
        return place
    with runs.disk_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(place.parent / f"{name}.lock"):
            if not place.is_dir():  # another process may have been faster
                unpack(archive, place)
    return place


def sha256(file: Path) -> str:
    """The SHA-256 of a file, 64 hex digits. Raises FoveateError where it cannot be read."""
    try:
        return runs.file_hash(file)
    except OSError as error:
        raise FoveateError(f"cannot read {file}: {error.strerror}.") from error


def unpack(archive: Path, place: Path) -> None:
    """Unpack a zip into the new folder `place`, whole or not at all.

    Raises FoveateError that names the member: a path that leads out, a link, an encrypted or damaged file, a zip
    bomb.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked(archive, opened)
            unfinished = place.with_name(f"{place.name}.new")
            shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
            try:
                unfinished.mkdir(parents=True)
                for path, member in members.items():
                    _write(opened, member, unfinished / path)
                if hasattr(os, "sync"):
                    os.sync()  # once for all files: what is renamed below must be whole after a power cut
                unfinished.replace(place)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise FoveateError(f"{archive} is not a whole zip: {error}. Download or pack it again.") from error


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, path.open("xb") as target:
        shutil.copyfileobj(source, target, _CHUNK)  # no more than the size that was checked; else BadZipFile
    os.utime(path, (_time(member), _time(member)))  # the same whenever it is unpacked


def _time(member: zipfile.ZipInfo) -> float:
    """When a file was last changed, as the archive says; some archives say nothing, which is no date."""
    try:
        return datetime(*member.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return datetime(1980, 1, 1, tzinfo=UTC).timestamp()


def _checked(archive: Path, opened: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of a zip by their paths, once all members are found harmless. Raises FoveateError."""
    found: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for member in opened.infolist():
        if not member.filename:
            raise zipfile.BadZipFile("a file in it has no name")
        path = _safe_path(archive, member)
        if member.is_dir() or path.split("/")[0] == "__MACOSX":
            continue
        if member.flag_bits & 1:
            raise FoveateError(f"{archive}: {member.filename} is encrypted: unpack the archive and give its folder.")
        if path in found:
            raise FoveateError(f"{archive} holds {path} twice: unpack it and give the folder.")
        found[path] = member
        total += member.file_size
        _refuse_bomb(archive, member.filename, member.file_size, member.compress_size)
    _refuse_bomb(archive, "its content", total, archive.stat().st_size)
    if total > LARGEST_TOTAL:
        raise FoveateError(
            f"{archive} would fill {total / 2**30:,.0f} GiB, more than {LARGEST_TOTAL / 2**30:.0f}: unpack it yourself "
            "and give the folder."
        )
    return found


def _refuse_bomb(archive: Path, name: str, size: int, packed: int) -> None:
    if size > _SMALL and size > LARGEST_RATIO * max(packed, 1):
        raise FoveateError(
            f"{archive}: {name} would grow {size / max(packed, 1):,.0f} times, more than {LARGEST_RATIO}, as a zip "
            "bomb does: if you trust it, unpack it yourself and give the folder."
        )


def _safe_path(archive: Path, member: zipfile.ZipInfo) -> str:
    """The member's path below the folder that it is unpacked into. Raises FoveateError where it leads out."""
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
        raise FoveateError(f"{archive}: {member.filename!r} leads out of the archive: it is not unpacked.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "no plain file"
        raise FoveateError(f"{archive}: {member.filename!r} is {what}: it is not unpacked. Pack the file itself.")
    return path.as_posix()
