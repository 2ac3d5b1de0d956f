"""A zip is unpacked safely into a cache outside of the data, once: the same bytes are found there again."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from foveate import locks, runs
from foveate.data import room
from foveate.data.pixels import UnreachableImageError, fault
from foveate.errors import FoveateError

CACHE = "FOVEATE_CACHE"  # names the cache's folder; --cache sets it
LARGEST_TOTAL = 64 * 2**30  # bytes unpacked; more is refused
MOST_FILES = 4_000_000
LARGEST_RATIO = 200  # bytes unpacked to bytes packed; images reach 2, blank volumes 100, a zip bomb 1,000 and more
_SMALL = 2**20  # bytes; a smaller file does no harm at any ratio
_CHUNK = 2**20
_UTF8, _UNIX = 0x800, 3  # a flag, and a system that packed (APPNOTE.TXT 4.4.4, 4.4.2)


class DamagedZipError(FoveateError):
    """A zip that is not whole."""

    def __init__(self, archive: Path, error: Exception) -> None:
        super().__init__(f"{archive} is not a whole zip: {error}. Download or pack it again.")
        self.archive = archive


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
        with locks.held(place.parent / f"{name}.lock", "--cache"):
            if not place.is_dir():  # another process may have been faster
                unpack(archive, place)
    return place


def sha256(file: Path) -> str:
    """The SHA-256 of a file, 64 hex digits. Raises FoveateError where it cannot be read."""
    try:
        return runs.file_hash(file)
    except OSError as error:
        raise _unreachable(file, error) from error


def unpack(archive: Path, place: Path) -> None:
    """Unpack a zip into the new folder `place`, whole or not at all.

    Raises FoveateError that names the member: a path that leads out, a link, an encrypted or damaged file, a zip
    bomb.
    """
    try:
        with _opened(archive) as opened:
            members = _checked(archive, opened)
            unfinished = place.with_name(f"{place.name}.new")
            shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
            try:
                unfinished.mkdir(parents=True)
                room.refuse_to_fill(unfinished, sum(member.file_size for member in members.values()))
                for path, member in members.items():
                    _write(opened, member, unfinished / path)
                if hasattr(os, "sync"):
                    os.sync()  # once for all files: what is renamed below must be whole after a power cut
                unfinished.replace(place)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise DamagedZipError(archive, error) from error


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, path.open("xb") as target:
        while chunk := _read(opened, source):  # no more than the size that was checked; else BadZipFile
            target.write(chunk)
    os.utime(path, (_time(member), _time(member)))  # the same whenever it is unpacked


def _read(opened: zipfile.ZipFile, member: IO[bytes]) -> bytes:
    """The next bytes of a member. Raises FoveateError where the disk does not give them: the zip may be whole."""
    try:
        return member.read(_CHUNK)
    except OSError as error:
        raise _fault(Path(opened.filename or ""), error) from error


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except OSError as error:
        raise _fault(archive, error) from error


def _fault(archive: Path, error: OSError) -> FoveateError:
    """Damage only where it is no fault of disk, network or permissions."""
    unreachable = isinstance(fault(error), UnreachableImageError)
    return _unreachable(archive, error) if unreachable else DamagedZipError(archive, error)


def _unreachable(archive: Path, error: OSError) -> FoveateError:
    return FoveateError(f"cannot read {archive}: {error.strerror}. Once it can be, start the same command again.")


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
    if len(opened.infolist()) > MOST_FILES:
        raise FoveateError(f"{archive} holds more than {MOST_FILES:,} files: unpack it yourself and give the folder.")
    for member in opened.infolist():
        if not member.filename:
            raise zipfile.BadZipFile("a file in it has no name")
        path = _safe_path(archive, member)
        if member.is_dir():
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


def _name(member: zipfile.ZipInfo) -> str:
    """The member's name as it was meant: macOS writes UTF-8 without saying so, Windows writes backslashes."""
    name = member.filename
    if not member.flag_bits & _UTF8:  # zipfile has taken it for the code page of DOS
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name if member.create_system == _UNIX else name.replace("\\", "/")


def _leads_out_of_windows(name: str) -> bool:
    """Whether a path would lead out where a backslash parts folders, and a colon stands behind a drive."""
    path = PureWindowsPath(name)
    return bool(path.drive) or ".." in path.parts


def _safe_path(archive: Path, member: zipfile.ZipInfo) -> str:
    """The member's path below the folder that it is unpacked into. Raises FoveateError where it leads out."""
    name = _name(member)
    path = PurePosixPath(name)
    if path.is_absolute() or _leads_out_of_windows(name) or ".." in path.parts:
        raise FoveateError(f"{archive}: {member.filename!r} leads out of the archive: it is not unpacked.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "no plain file"
        raise FoveateError(f"{archive}: {member.filename!r} is {what}: it is not unpacked. Pack the file itself.")
    return path.as_posix()
