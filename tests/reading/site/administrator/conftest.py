"""An administrator who is signed in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from foveate.reading import results
from foveate.reading.site import backup, enrolment
from tests.reading.site.administrator.administering import (
    NAME,
    as_administrator,
    hashed,
)


@pytest.fixture
def user(database: Path) -> User:
    return User.objects.create(username=NAME, password=hashed())


@pytest.fixture
def admin(user: User) -> Client:
    return as_administrator(user)


@pytest.fixture
def cleared(place: Path) -> Iterator[Path]:
    """OUT/reading; what a test leaves in it is taken away."""
    yield place
    for name in (results.FOLDER, backup.FOLDER):
        shutil.rmtree(place / name, ignore_errors=True)
    (place / enrolment.ERASED).unlink(missing_ok=True)
