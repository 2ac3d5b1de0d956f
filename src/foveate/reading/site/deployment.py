"""Where and how a reader study is served: OUT/reading/secrets, for its owner alone. No Django here."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import filelock
from pydantic import TypeAdapter, ValidationError

from foveate import locks, runs
from foveate.errors import FoveateError, UsageError
from foveate.reading.questions import explain

SECRETS = "secrets"  # a folder
# Files in it; of these one says that the study was begun, and with which database.
DEPLOYMENT, SECRET_KEY, FIRST_LINK, SERVING = "deployment.json", "secret-key", "first-link", "serving.lock"
BEGUN = "begun.json"
DATABASE, BACKUPS, LOG = "database.sqlite3", "backups", "log.csv"
PLACE = "FOVEATE_READING"  # environment variable: the settings read the folder from it
_SHORTEST = 50  # characters of the server's key, as Django wants it
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PROXY_EXAMPLE = """\
a reader study is served to others only over TLS, by a web server in front of it. For nginx:

    server {
        listen 443 ssl;
        server_name reading.example.org;
        ssl_certificate     /etc/ssl/reading.pem;
        ssl_certificate_key /etc/ssl/reading.key;
        location / {
            proxy_pass http://127.0.0.1:8000;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host;
        }
        access_log off;    # addresses hold links, and so do messages about requests that failed
        error_log /dev/null crit;
    }

and: foveate reading serve OUT --url https://reading.example.org --trusted-proxy 127.0.0.1"""


@dataclass(frozen=True)
class Deployment:
    """deployment.json: what `serve` was told, so that every other command finds the same database and address."""

    host: str = "127.0.0.1"
    port: int = 8000
    url: str | None = None  # the address that readers see, https only; None: this machine alone
    trusted_proxy: str | None = None  # the address of the web server in front
    database: str | None = None  # postgresql://...; None: SQLite beside it

    @property
    def address(self) -> str:
        """What links begin with, without a slash at the end."""
        if self.url:
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def hosts(self) -> list[str]:
        """Names that a request may be for."""
        if not self.url:
            return ["127.0.0.1", "localhost", "[::1]"]
        name = urlsplit(self.url).hostname or ""
        return [f"[{name}]" if ":" in name else name]


def checked(deployment: Deployment) -> Deployment:
    """The same deployment, tidied. Raises UsageError that says what is missing, with an example of a proxy."""
    if not 0 < deployment.port < 65536:
        raise UsageError(f"--port must be between 1 and 65535, not {deployment.port}.")
    if deployment.url is None and deployment.trusted_proxy is None:
        if deployment.host not in LOOPBACK:
            raise UsageError(f"--host {deployment.host} alone is refused: {PROXY_EXAMPLE}")
        return _with_database(deployment)
    if deployment.url is None or deployment.trusted_proxy is None:
        raise UsageError(f"--url and --trusted-proxy go together: {PROXY_EXAMPLE}")
    parts = urlsplit(deployment.url)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise UsageError(f"--url must be https://, a name and no path, not {deployment.url}: {PROXY_EXAMPLE}")
    try:
        ipaddress.ip_address(deployment.trusted_proxy)
    except ValueError as error:
        raise UsageError(
            f"--trusted-proxy must be the IP address that the web server connects from, such as 127.0.0.1, "
            f"not {deployment.trusted_proxy}."
        ) from error
    return _with_database(replace(deployment, url=f"https://{parts.netloc}"))


def _with_database(deployment: Deployment) -> Deployment:
    if deployment.database is not None:
        parts = urlsplit(deployment.database)
        if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
            raise UsageError("--database must be postgresql://USER:PASSWORD@HOST:PORT/NAME; left out, SQLite is used.")
    return deployment


def load(place: Path) -> Deployment:
    """What the study is served by; the default before it was served. Raises FoveateError that names the file."""
    path = place / SECRETS / DEPLOYMENT
    if not path.exists():
        return Deployment()
    data = runs.read_json(path)
    try:
        return TypeAdapter(Deployment).validate_python(asdict(Deployment(**data)))
    except ValidationError as error:
        raise FoveateError(
            f"{path} is not what `foveate reading serve` writes: {explain(error)}. Remove it."
        ) from error
    except TypeError as error:
        raise FoveateError(f"{path} is not what `foveate reading serve` writes: {error}. Remove it.") from error


def save(place: Path, deployment: Deployment) -> None:
    write_secret(place / SECRETS / DEPLOYMENT, json.dumps(asdict(deployment), indent=2) + "\n")


def secret_key(place: Path) -> str:
    """The key that signs what the server hands out; made when it is asked for the first time.

    Raises FoveateError where the file is damaged or cannot be read.
    """
    path = place / SECRETS / SECRET_KEY
    with runs.disk_errors(path):
        if not path.exists():
            write_secret(path, secrets.token_urlsafe(64) + "\n")
        found = path.read_text(encoding="utf-8", errors="replace").strip()
    if len(found) < _SHORTEST:
        raise FoveateError(f"{path} holds no key of the server: remove it, a new one is made, and all are signed out.")
    return found


def write_secret(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    with runs.disk_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(handle)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def kept_from_others(place: Path) -> Iterator[None]:
    """Let no other process serve or restore the study while the block runs; one that was killed holds nothing.

    Raises FoveateError where another one does, or the file system gives no locks.
    """
    path = place / SECRETS / SERVING
    with contextlib.ExitStack() as lock:
        with runs.disk_errors(path), umask():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock.enter_context(locks.held(path, "`foveate reading serve FOLDER`", wait=False))
            except filelock.Timeout as error:
                raise FoveateError(f"{place} is being served by another process: stop that server first.") from error
        yield


def databases(place: Path, deployment: Deployment) -> dict[str, Any]:
    """Django's DATABASES: connections that live as long as their thread."""
    lasting: dict[str, Any] = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    if deployment.database is None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(place / DATABASE),
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,  # seconds to wait for another writer
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
            },
            **lasting,
        }
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"service": None}, **lasting, **_parts(deployment)}


def _parts(deployment: Deployment) -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict

    known = dict(conninfo_to_dict(deployment.database or ""))
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    found: dict[str, Any] = {names[key]: str(value) for key, value in known.items() if key in names}
    found["OPTIONS"] = {key: value for key, value in known.items() if key not in names}
    return found


@contextlib.contextmanager
def umask() -> Iterator[None]:
    """Files that the database makes in this block are for their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def set_up(place: Path) -> None:
    """Make Django ready for the study in this folder. One study a process. Raises FoveateError."""
    if not (place / "study.yaml").is_file():
        raise UsageError(f"{place} is no reader study: `foveate reading create OUT` makes one.")
    start(place)


def start(place: Path) -> None:
    """The same for a folder whose files may be damaged or missing. Raises FoveateError for damaged secrets."""
    try:
        import django
        from django.apps import apps
    except ImportError as error:
        raise FoveateError("the reader study needs more packages: pip install 'foveate[reading]'") from error
    if apps.ready:
        return
    os.umask(0o077)  # the database's files, which SQLite makes as it pleases
    os.environ[PLACE] = str(place.resolve())
    os.environ["DJANGO_SETTINGS_MODULE"] = "foveate.reading.site.settings"
    django.setup()
