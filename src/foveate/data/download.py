"""Download a file so that a broken connection costs nothing: what is there is kept, and the rest asked for."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from foveate import __version__, runs
from foveate.data.sources.archives import sha256
from foveate.errors import FoveateError

_CHUNK = 2**18
_TIMEOUT = 60  # seconds without a byte

Advance = Callable[[int, int], None]  # bytes received, bytes in all


class DownloadError(FoveateError):
    """The network or the server did not give the file."""


@dataclass(frozen=True)
class Downloaded:
    """What was downloaded, for the record."""

    url: str
    size: int  # bytes
    sha256: str


def download(url: str, file: Path, advance: Advance = lambda received, total: None) -> Downloaded:
    """Download `url` to `file`, or go on where an earlier try stopped; nothing to do where the file is there.

    `advance` is called with the bytes that are there and the file's size (0 where the server does not say). Raises
    DownloadError; FoveateError where the disk refuses.
    """
    part, seen = _beside(file, ".part"), _beside(file, ".seen")  # what is there of it, and which version that is
    if not file.is_file():
        with runs.disk_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        try:
            _receive(url, part, seen, advance)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise DownloadError(f"{url}: the server says {error.code} {error.reason}") from error
            part.unlink(missing_ok=True)  # it does not fit what the server has now
            return download(url, file, advance)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{url}: {getattr(error, 'reason', None) or error or type(error).__name__}") from error
        with runs.disk_errors(file):
            part.replace(file)
            seen.unlink(missing_ok=True)
    return Downloaded(url, file.stat().st_size, sha256(file))


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _receive(url: str, part: Path, seen: Path, advance: Advance) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": f"foveate/{__version__}"})
    there = part.stat().st_size if part.is_file() else 0
    version = seen.read_text(encoding="utf-8") if there and seen.is_file() else ""
    if version:  # without one, nobody knows whether the rest belongs to what is there
        request.add_header("Range", f"bytes={there}-")
        request.add_header("If-Range", version)
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        goes_on = response.status == http.HTTPStatus.PARTIAL_CONTENT
        there = there if goes_on else 0
        length = response.headers.get("Content-Length")
        total = there + int(length) if length else 0
        with runs.disk_errors(part):
            version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            seen.write_text("" if version.startswith("W/") else version, encoding="utf-8")  # weak: not byte for byte
            file = part.open("ab" if goes_on else "wb")
        with file:
            advance(there, total)
            broken = not _append(response, file, part, lambda size: advance(there + size, total))
            with runs.disk_errors(part):
                file.flush()
                os.fsync(file.fileno())
    size = part.stat().st_size
    if broken or (total and size != total):
        of = f" of {total:,}" if total else ""
        raise DownloadError(f"{url}: the connection ended after {size:,}{of} bytes")


def _append(response: Any, file: IO[bytes], part: Path, advance: Callable[[int], None]) -> bool:
    """Write what comes, as long as it comes; whether it came to its end. Before a broken connection all is kept."""
    received = 0
    try:
        while chunk := response.read(_CHUNK):
            with runs.disk_errors(part):
                file.write(chunk)
            received += len(chunk)
            advance(received)
    except http.client.IncompleteRead as error:
        with runs.disk_errors(part):
            file.write(error.partial)
        return False
    return True
