"""Browsers in which an administrator has signed in: wrong passwords of others do not slow them down.

Each carries a signed cookie with a number of its own, which has a budget of its own (OWASP's device cookies).
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse

REMEMBERED = timedelta(days=180)
_SIGNER = signing.TimestampSigner(salt="foveate.reading.browser")


def remember(response: HttpResponse, user: User) -> None:
    """Let the browser that gets this answer be known as one of this administrator's."""
    response.set_cookie(
        settings.BROWSER_COOKIE_NAME,
        _SIGNER.sign(f"{user.pk}.{secrets.token_urlsafe(9)}"),
        max_age=REMEMBERED,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def known(request: HttpRequest, name: str) -> str | None:
    """The browser's number, if the administrator of this name has signed in with it."""
    try:
        value = _SIGNER.unsign(request.COOKIES.get(settings.BROWSER_COOKIE_NAME, "")[:200], max_age=REMEMBERED)
    except signing.BadSignature:
        return None
    number = value.partition(".")[0]
    return value if User.objects.filter(pk=number, username=name).exists() else None
