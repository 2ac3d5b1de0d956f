"""Administrators: made by a link that works once, signed in by a password."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading.site import audit, browsers, middleware, throttle, tokens, turns
from foveate.reading.site.models import AdministratorLink

GOOD_FOR = timedelta(hours=24)
LONGEST_PASSWORD = 256


def exist() -> bool:
    return User.objects.filter(is_active=True).exists()


def new_link(actor: str) -> str:
    """A token by which one person sets name and password; links that were not used end."""
    token = tokens.new()
    with transaction.atomic():
        AdministratorLink.objects.filter(used_at=None).update(used_at=timezone.now())
        AdministratorLink.objects.create(token_hash=tokens.hashed(token), expires_at=timezone.now() + GOOD_FOR)
        audit.record(actor, "administrator's link made")
    return token


def end_all_sessions() -> None:
    """Sign every administrator out, and every reader too: their return codes lead back."""
    Session.objects.all().delete()


def usable(token: str) -> bool:
    return _open(token).exists()


def was_used(token: str) -> bool:
    return AdministratorLink.objects.filter(token_hash=tokens.hashed(token)).exclude(used_at=None).exists()


def _open(token: str) -> QuerySet[AdministratorLink]:
    return AdministratorLink.objects.filter(
        token_hash=tokens.hashed(token), used_at=None, expires_at__gt=timezone.now()
    )


def set_password(token: str, name: str, password: str) -> User:
    """Use a link up. Raises FoveateError that says what is wrong with the name or the password."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise FoveateError("Give a name of 1 to 60 letters.")
    if len(password) > LONGEST_PASSWORD:
        raise FoveateError(f"A password has {LONGEST_PASSWORD} characters at most.")
    try:
        validate_password(password, User(username=name))
    except ValidationError as error:
        raise FoveateError(" ".join(error.messages)) from error
    with transaction.atomic():
        if not _open(token).update(used_at=timezone.now()):
            raise FoveateError("This link does not work any more.")
        user, made = User.objects.get_or_create(username=name)
        user.set_password(password)
        user.save()
        audit.record(audit.administrator(user.pk), "account made" if made else "password set")
    return user


def sign_in(request: HttpRequest, name: str, password: str) -> User | None:
    """None where name and password do not fit. Raises throttle.TooOftenError."""
    browser = browsers.known(request, name)
    if browser and throttle.left(throttle.BROWSER, browser):
        user = _checked(turns.KNOWN, [(throttle.BROWSER, browser)], name, password)
    else:
        budgets = [(throttle.SIGN_IN, throttle.address(request)), (throttle.ACCOUNT, name.lower())]
        user = _checked(turns.STRANGERS, budgets, name, password)
    if user is not None:
        begin(request, user)
    return user


def begin(request: HttpRequest, user: User) -> None:
    """A new session for this administrator.

    The secret of the forms' CSRF tokens stays: with another one, a form that is sent again would be refused where the
    answer was lost and its cookies were not. Nobody can plant one: behind TLS its cookie is __Host-, without it the
    server answers this machine alone.
    """
    request.session.flush()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False
    middleware.begin_session(request)
    audit.record(audit.administrator(user.pk), "signed in")


def confirmed(user: User, password: str) -> bool:
    """Whether this is the password of an administrator who is signed in. Raises throttle.TooOftenError."""
    return _checked(turns.KNOWN, [(throttle.CONFIRM, str(user.pk))], user.username, password) == user


def right(name: str, password: str) -> User | None:
    """The account, if name and password fit. Nothing is counted, and nobody waits."""
    if not name.isprintable():  # NUL and lone surrogates, which databases answer with errors, among others
        return None
    user = authenticate(username=name, password=password[:LONGEST_PASSWORD])
    return user if isinstance(user, User) else None


def _checked(line: turns.Line, budgets: Sequence[tuple[throttle.Limit, str]], name: str, password: str) -> User | None:
    """The account, if the password is right, however many were wrong; these are counted.

    Raises throttle.TooOftenError for a wrong one where they are used up, and, unchecked, where too many wait for their
    turn. The log has no entries of these: it would grow for as long as somebody guesses.
    """
    late = not all(throttle.left(*budget) for budget in budgets)
    line = turns.LATE if late else line
    with line.turn():
        began = time.monotonic()
        user = right(name, password)
        if user is not None:
            return user
        for budget in budgets:
            throttle.spend(*budget)
        line.linger(began)
    if late:
        raise throttle.TooOftenError
    audit.record(audit.VISITOR, "password refused")
    return None
