"""One study in Django for all tests of the application; what a test writes is undone after it."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import django
import pytest

from foveate.reading.site import deployment
from tests.reading.site import backed_up, hosting
from tests.reading.site.backed_up import Made

# Django wants its settings before the first model is imported; the study itself is made when a test asks for it.
_end = ExitStack()
atexit.register(_end.close)
PLACE = Path(_end.enter_context(tempfile.TemporaryDirectory(prefix="foveate-site-"))) / "reading"
PLACE.mkdir(mode=0o700)
deployment.save(PLACE, deployment.Deployment(database=_end.enter_context(hosting.database())))
os.environ[deployment.PLACE] = str(PLACE)
os.environ["DJANGO_SETTINGS_MODULE"] = "foveate.reading.site.settings"
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.utils import timezone  # noqa: E402

from foveate.reading.site import audit, enrolment, erasing, server, state  # noqa: E402
from foveate.reading.site.models import Reader  # noqa: E402


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """OUT/reading with an up-to-date database, of the kind that this run is for."""
    made = hosting.make_study(tmp_path_factory.mktemp("site")) / "reading"
    shutil.copytree(made, PLACE, dirs_exist_ok=True)
    server.prepare(PLACE)
    assert connection.vendor == hosting.kind()
    setup_test_environment()
    yield PLACE
    connection.close()


@pytest.fixture
def database(place: Path) -> Iterator[Path]:
    """OUT/reading; everything written to the database in the test is undone."""
    with contextlib.suppress(_Undo), transaction.atomic():
        yield place
        raise _Undo
    (place / deployment.SECRETS / erasing.UNFINISHED).unlink(missing_ok=True)  # nothing was erased


class _Undo(Exception):  # noqa: N818 - nothing went wrong
    pass


@pytest.fixture
def client(database: Path) -> Client:
    """A browser without a session. CSRF is not checked, but where a test says so."""
    return Client(REMOTE_ADDR="10.0.0.1")


@pytest.fixture
def ready(database: Path) -> Path:
    """A study to which readers can be invited."""
    state.confirm_sheet(audit.COMMAND)
    return database


@pytest.fixture
def reader(ready: Path) -> Reader:
    """A reader who has agreed and is enrolled."""
    made, token = enrolment.invite("reader-1", None, audit.COMMAND)
    assert enrolment.redeem(token) == made
    Reader.objects.filter(pk=made.pk).update(consent=state.consent(), consented_at=timezone.now())
    enrolment.enrol(made)
    return Reader.objects.get(pk=made.pk)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A study in use, and a backup of it."""
    place = hosting.make_study(tmp_path_factory.mktemp("backup")) / "reading"
    with hosting.database() as address:
        deployment.save(place, deployment.Deployment(database=address))
        told = backed_up.within(place, backed_up.MADE + backed_up.BETWEEN)
        rows = told.pop("rows")
        (file,) = (place / "backups").iterdir()
        yield Made(place, file, rows, told)


@pytest.fixture
def moved(made: Made, tmp_path: Path) -> Path:
    """The reading folder on another machine, without its database and secrets."""
    copied = shutil.copytree(made.place, tmp_path / "reading", ignore=shutil.ignore_patterns("database*"))
    shutil.rmtree(copied / "secrets")
    return copied
