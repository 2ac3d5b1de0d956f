"""Administrators: made by a link that works once, signed in by a password."""

from __future__ import annotations

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
from foveate.reading.site import audit, clock, middleware, throttle, tokens
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


def _open(token: str) -> QuerySet[AdministratorLink]:
    end = clock.latest() + GOOD_FOR  # of a link that was made by now: a clock that ran ahead made later ones
    return AdministratorLink.objects.filter(
        token_hash=tokens.hashed(token), used_at=None, expires_at__gt=timezone.now(), expires_at__lte=end
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
    user = checked(request, name, password)
    if user is not None:
        begin(request, user)
    return user


def begin(request: HttpRequest, user: User) -> None:
    """A new session for this administrator."""
    request.session.flush()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    middleware.begin_session(request)
    audit.record(audit.administrator(user.pk), "signed in")


def checked(request: HttpRequest, name: str, password: str) -> User | None:
    """The account, if the password is right; wrong ones are counted. Raises throttle.TooOftenError."""
    who = throttle.address(request)
    limits = ((throttle.SIGN_IN, who), (throttle.ACCOUNT, name.lower()))
    left = [throttle.spend(limit, of) for limit, of in limits]  # of both, also where one is used up
    if not all(left):
        raise throttle.TooOftenError
    user = authenticate(username=name, password=password[:LONGEST_PASSWORD])
    if isinstance(user, User) and user.is_active:
        for limit, of in limits:
            throttle.give_back(limit, of)
        return user
    audit.record(audit.VISITOR, "password refused")
    return None
