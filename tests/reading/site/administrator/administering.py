"""An administrator's forms and addresses, and what the database holds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from foveate.reading import cases_and_key
from foveate.reading.site import accounts, audit, middleware
from foveate.reading.site.administrator import urls
from foveate.reading.site.models import AuditEntry, Reader

NAME, PASSWORD = "Ada", "a long and quiet sentence"


SIGN_IN = "/admin/sign-in"


@cache
def hashed() -> str:
    """Argon2 takes its time."""
    return make_password(PASSWORD)


def as_administrator(user: User) -> Client:
    client = Client(REMOTE_ADDR="10.0.0.3")
    client.force_login(user)
    session = client.session
    session[middleware.BEGAN] = session[middleware.SEEN] = timezone.now().timestamp()
    session.save()
    return client


def addresses(reader: Reader, place: Path) -> dict[str, str]:
    """Every address of the administrator's pages, by name."""
    values = {"token": "x" * 43, "public_id": reader.public_id, "name": cases_and_key.read_cases(place)[0].name}
    values["number"] = str(User.objects.values_list("pk", flat=True).first() or 99)
    found = {}
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        assert pattern.name
        found[pattern.name] = reverse(pattern.name, kwargs={key: values[key] for key in pattern.pattern.converters})
    assert len(found) == len(urls.urlpatterns) == 23
    return found


def rows() -> dict[str, list[Any]]:
    """All that the database holds."""
    return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in apps.get_models()}


def actions() -> list[str]:
    return list(AuditEntry.objects.values_list("action", flat=True))


def link() -> str:
    return f"/admin/first/{accounts.new_link(audit.COMMAND)}"


def given(password: str = PASSWORD, again: str | None = None, name: str = NAME) -> dict[str, str]:
    return {"name": name, "password": password, "again": password if again is None else again}


def invite(admin: Client, **other: str) -> Any:
    return admin.post("/admin/readers", {"pseudonym": "reader-7", "dataset": "mri", "days": "30", **other})
