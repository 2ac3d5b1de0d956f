"""Who may see the administrator's pages, and the password again before what cannot be undone or leaves the house."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from foveate.errors import FoveateError
from foveate.reading.site import accounts, audit, failures, throttle

View = Callable[..., HttpResponse]


class AdministratorRequest(HttpRequest):
    """A request whose session belongs to an administrator."""

    user: User


def for_administrator(view: View) -> View:
    """Hand the page to administrators who are signed in; others, readers among them, are asked to sign in."""

    @wraps(view)
    def guarded(request: AdministratorRequest, *arguments: Any, **named: Any) -> HttpResponse:
        if not (request.user.is_authenticated and request.user.is_active):
            return redirect("admin-sign-in")
        try:
            return view(request, *arguments, **named)
        except throttle.TooOftenError:
            return failures.too_often(request)

    return guarded


def actor(request: AdministratorRequest) -> str:
    """How the log calls who asks."""
    return audit.administrator(request.user.pk)


def confirm_password(request: AdministratorRequest) -> None:
    """See that the administrator sits there, and not somebody at a screen that was left open.

    Raises FoveateError for a wrong password, throttle.TooOftenError after many of them.
    """
    if not accounts.confirmed(request.user, request.POST.get("password", "")):
        raise FoveateError(_("This password is not right: nothing was done."))


def said(error: Exception) -> str:
    """An error as a sentence of its own; in a terminal it follows a word. Names at its beginning stay as they are."""
    text = str(error)
    return text[:1].upper() + text[1:] if text.partition(" ")[0].isalpha() else text
