"""Serve a reader study: bring the database up to date, see that the files are the right ones, answer requests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from foveate.errors import FoveateError, Interrupted
from foveate.reading.site import deployment
from foveate.reading.site.deployment import Deployment

THREADS = 8


def prepare(place: Path, restoring: bool = False) -> Path | None:
    """Django, an up-to-date database and the rows of a new study; the backup that was written before an upgrade.

    `restoring`: the database may be empty though the study was begun. Raises FoveateError, also for the database of a
    newer foveate.
    """
    deployment.set_up(place)
    from foveate.reading.site import begun, erasing, log_copy, schema, sealing, seals, state

    with database_errors():
        if not restoring:
            begun.refuse_empty(place)
        schema.refuse_newer()
        seals.prepare()
        before = _bring_up_to_date()
        state.begin(restoring)
        sealing.begin()
        log_copy.catch_up()
        erasing.finish(erasing.PATIENCE)
    return before


def _bring_up_to_date() -> Path | None:
    """Apply what the database lacks; a backup comes first where it holds a study. Where that lies."""
    from django.core.management import call_command

    from foveate.reading.site import audit, backup, schema

    if not schema.lacking():
        return None
    path = None
    if not schema.is_new():
        path = backup.default_path("before-upgrade-")
        backup.write(path, audit.COMMAND)
    call_command("migrate", verbosity=0, interactive=False)
    return path


def connect(place: Path, any_schema: bool = False) -> None:
    """Django, for a study that was served before; `any_schema`: also where its database is to be upgraded.

    Raises FoveateError where the database is of another foveate, newer or older.
    """
    deployment.set_up(place)
    from foveate.reading.site import begun, schema, state

    with database_errors():
        begun.refuse_empty(place)
        if any_schema:
            return
        schema.refuse_other()
        state.begin()


def prepare_to_restore(place: Path) -> None:
    """The same as `prepare` for an empty database; one that holds a study is not upgraded on the way."""
    deployment.set_up(place)
    from foveate.reading.site import schema

    with database_errors():
        if not schema.is_new():
            schema.refuse_other()
    prepare(place, restoring=True)


@contextmanager
def database_errors() -> Iterator[None]:
    """A database that is away, full or damaged becomes a sentence; what our own mistakes cause stays a traceback."""
    from django.db import connection
    from django.db.utils import DatabaseError, OperationalError

    try:
        yield
    except DatabaseError as error:
        if not isinstance(error, OperationalError) and type(error) is not DatabaseError:
            raise
        raise FoveateError(
            f"cannot use the database {_named(connection.settings_dict)}: {_first_line(error)}"
        ) from error


def _named(settings: dict[str, Any]) -> str:
    """The database without its password."""
    return f"{settings['NAME']}" + (f" on {settings['HOST']}" if settings.get("HOST") else "")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") + "."


def first_link(place: Path, own: Deployment) -> str | None:
    """The address by which the first administrator comes in; None where there is one already."""
    from foveate.reading.site import accounts, audit

    return None if accounts.exist() else administrator_address(own, accounts.new_link(audit.COMMAND))


def administrator_address(own: Deployment, token: str) -> str:
    return f"{own.address}/admin/first/{token}"


def reader_address(own: Deployment, token: str) -> str:
    return f"{own.address}/invitation/{token}"


def serve(own: Deployment, started: Callable[[], None]) -> None:
    """Answer until the process is asked to stop; `started` is called when the port is open. Raises FoveateError."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    from foveate.reading.site import connections, erasing

    behind: dict[str, Any] = {}
    if own.trusted_proxy:
        behind = {
            "trusted_proxy": own.trusted_proxy,
            "trusted_proxy_count": 1,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        }
    try:
        server = connections.listen(
            get_wsgi_application(),
            connections.Limits(connections.affordable()),
            host=own.host,
            port=own.port,
            threads=THREADS,
            max_request_body_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1,  # waitress's is the first that it refuses
            **behind,
        )
    except OSError as error:
        raise FoveateError(
            f"cannot listen on {own.host}, port {own.port}: {error.strerror or error}. Choose another with --port."
        ) from error

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt  # waitress swallows it wherever it is, once those who wait have their answers

    signal.signal(signal.SIGTERM, stop)
    started()
    try:
        server.run()
    finally:
        server.close()
        with database_errors():
            erasing.finish(erasing.PATIENCE)
    raise Interrupted("the server was asked to stop.")
