"""Download a file so that a broken connection costs nothing: what is there is kept, and the rest asked for.

What a server sends is bounded: its size, the redirects that are followed, and those lead to https alone.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from foveate import __version__, runs
from foveate.data import room
from foveate.data.sources.archives import sha256
from foveate.errors import FoveateError

LARGEST = 8 * 2**30  # bytes of a file; the paper's largest set is a quarter of that
MOST_REDIRECTS = 5
_CHUNK = 2**18
_TIMEOUT = 60  # seconds without a byte

Advance = Callable[[int, int], None]  # bytes received, bytes in all


class DownloadError(FoveateError):
    """The network or the server did not give the file."""


class _TooLargeError(DownloadError):
    """The server sends more than the file can have."""


@dataclass(frozen=True)
class Downloaded:
    """What was downloaded, for the record."""

    url: str
    size: int  # bytes
    sha256: str


def download(
    url: str, file: Path, advance: Advance = lambda received, total: None, largest: int = LARGEST
) -> Downloaded:
    """Download `url` to `file`, or go on where an earlier try stopped; nothing to do where the file is there.

    `advance` is called with the bytes that are there and the file's size (0 where the server does not say). Raises
    DownloadError, also for more than `largest` bytes and for a redirect to anything but https; FoveateError where the
    disk refuses, or would be full.
    """
    part, seen = _beside(file, ".part"), _beside(file, ".seen")  # what is there of it, and which version that is
    if not file.is_file():
        if urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError(f"{url} is no address that begins with https:// or http://")
        with runs.disk_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        try:
            _receive(url, part, seen, advance, largest)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                says = " ".join(str(error.reason).split())
                raise DownloadError(f"{url}: the server says {error.code} {says}") from error
            part.unlink(missing_ok=True)  # it does not fit what the server has now
            return download(url, file, advance, largest)
        except _TooLargeError:
            part.unlink(missing_ok=True)
            raise
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{url}: {getattr(error, 'reason', None) or error or type(error).__name__}") from error
        with runs.disk_errors(file):
            part.replace(file)
            seen.unlink(missing_ok=True)
    return Downloaded(url, file.stat().st_size, sha256(file))


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


class _OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Follows few redirects, and none to where others could read or change what comes, or to files of this machine."""

    max_redirections = MOST_REDIRECTS
    max_repeats = MOST_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        fp.close()  # what else it says would be read to its end, which may never come
        if urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"it leads on to {newurl[:200]!r}, which is no https address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https, and nothing else: no file://, ftp:// or data:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _OnlyToHttps(),
    ):
        opener.add_handler(handler)
    return opener


def _receive(url: str, part: Path, seen: Path, advance: Advance, largest: int) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": f"foveate/{__version__}"})
    there = part.stat().st_size if part.is_file() else 0
    version = seen.read_text(encoding="utf-8") if there and seen.is_file() else ""
    if version:  # without one, nobody knows whether the rest belongs to what is there
        request.add_header("Range", f"bytes={there}-")
        request.add_header("If-Range", version)
    with _opener().open(request, timeout=_TIMEOUT) as response:
        goes_on = response.status == http.HTTPStatus.PARTIAL_CONTENT
        there = there if goes_on else 0
        length = response.headers.get("Content-Length") or ""
        total = there + int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
        _refuse_too_large(url, total, largest)
        room.refuse_to_fill(part.parent, total - there)
        with runs.disk_errors(part):
            version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            seen.write_text("" if version.startswith("W/") else version, encoding="utf-8")  # weak: not byte for byte
            file = part.open("ab" if goes_on else "wb")

        def received(size: int) -> None:
            _refuse_too_large(url, there + size, largest)
            advance(there + size, total)

        with file:
            advance(there, total)
            broken = not _append(response, file, part, received)
            with runs.disk_errors(part):
                file.flush()
                os.fsync(file.fileno())
    size = part.stat().st_size
    if broken or (total and size != total):
        of = f" of {total:,}" if total else ""
        raise DownloadError(f"{url}: the connection ended after {size:,}{of} bytes")


def _refuse_too_large(url: str, size: int, largest: int) -> None:
    if size > largest:
        raise _TooLargeError(f"{url}: the server sends more than {largest / 2**20:,.0f} MiB, too much for this file")


def _append(response: Any, file: IO[bytes], part: Path, advance: Callable[[int], None]) -> bool:
    """Write what comes, as long as it comes; whether it came to its end. Before a broken connection all is kept."""
    received = 0
    try:
        while chunk := response.read(_CHUNK):
            room.refuse_to_fill(part.parent, len(chunk))
            with runs.disk_errors(part):
                file.write(chunk)
            received += len(chunk)
            advance(received)
    except http.client.IncompleteRead as error:
        with runs.disk_errors(part):
            file.write(error.partial)
        return False
    return True
