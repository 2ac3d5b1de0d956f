"""Administrators: made by a link that works once, signed in by a password."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.contrib.auth import SESSION_KEY, authenticate, login, update_session_auth_hash
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from foveate.errors import FoveateError
from foveate.reading.site import audit, browsers, clock, middleware, passwords, throttle, tokens, turns
from foveate.reading.site.models import AdministratorLink

GOOD_FOR = timedelta(hours=24)


def exist() -> bool:
    return User.objects.filter(is_active=True).exists()


def new_link(actor: str, new_accounts_only: bool = False, token: str | None = None) -> str:
    """A token, new or the one given, by which one person sets name and password; links that were not used end.

    new_accounts_only: it replaces nobody's password.
    """
    token = token or tokens.new()
    with transaction.atomic():
        end_links()
        AdministratorLink.objects.create(
            token_hash=tokens.hashed(token),
            expires_at=timezone.now() + GOOD_FOR,
            new_accounts_only=new_accounts_only,
        )
        audit.record(actor, "administrator's link made")
    return token


def end_links() -> None:
    """Links that were not used work no more."""
    AdministratorLink.objects.filter(used_at=None).update(used_at=timezone.now())


def end_all_sessions() -> None:
    """Sign every administrator out, and every reader too: their return codes lead back."""
    Session.objects.all().delete()


def usable(token: str) -> bool:
    return _open(token).exists()


def was_used(token: str) -> bool:
    return AdministratorLink.objects.filter(token_hash=tokens.hashed(token)).exclude(used_at=None).exists()


def replaces_passwords(token: str) -> bool:
    """Whether a link is good for accounts that are there already."""
    return _open(token).filter(new_accounts_only=False).exists()


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
    password = passwords.checked(password, User(username=name))
    with transaction.atomic():
        link = _open(token).first()
        if link is None or not _open(token).update(used_at=timezone.now()):
            raise FoveateError("This link does not work any more.")
        user, made = _account(name, link)
        user.set_password(password)
        user.save()
        audit.record(audit.administrator(user.pk), "account made" if made else "password set")
    return user


def _account(name: str, link: AdministratorLink) -> tuple[User, bool]:
    """Whose password a link sets, and whether the account is new. Raises FoveateError where it may not."""
    user = User.objects.filter(username__iexact=name).first()
    if user is None:
        return User(username=name), True
    if link.new_accounts_only:
        raise FoveateError("There is an account of that name already: choose another name.")
    if not user.is_active:
        raise FoveateError(
            "This account is disabled: `foveate reading admin OUT --enable NAME` on the server ends that."
        )
    return user, False


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
    """The account, if it is in use and the password is right, of which nothing is cut off.

    Nothing is counted, and nobody waits.
    """
    if not name.isprintable():  # NUL and lone surrogates, which databases answer with errors, among others
        return None
    fits = len(password) <= passwords.LONGEST
    user = authenticate(username=name, password=passwords.normalised(password) if fits else "")
    return user if isinstance(user, User) and user.is_active else None


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


def change_password(request: HttpRequest, user: User, old: str, new: str) -> None:
    """Another password of one's own; this session goes on under another name, all others of the account end.

    Raises FoveateError for a wrong or unsuitable password, throttle.TooOftenError after many wrong ones.
    """
    if not confirmed(user, old):
        raise FoveateError(_("The password so far is not right: nothing was done."))
    new = passwords.checked(new, user)
    if new == passwords.normalised(old):
        raise FoveateError(_("The new password is the same as the one so far: choose another one."))
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        end_links()  # somebody who knew the password may have made one
        audit.record(audit.administrator(user.pk), "password changed")
    update_session_auth_hash(request, user)


def disable(name: str, actor: str, by: User | None = None) -> None:
    """Shut an account out: its sessions end at once, and open links with them. `by`: the administrator who does it.

    Raises FoveateError where there is no such account, or an administrator would disable themselves. Of two who
    disable each other at the same time one stays.
    """
    with transaction.atomic():
        everybody = {user.pk: user for user in User.objects.select_for_update().order_by("pk")}
        user = _named(name, everybody.values())
        if by is not None and (user.pk == by.pk or not everybody[by.pk].is_active):
            raise FoveateError(_("You cannot disable your own account, nor one after yours was disabled."))
        if not user.is_active:
            return
        user.is_active = False
        user.save(update_fields=["is_active"])
        end_links()
        _end_sessions(user)
        audit.record(actor, "account disabled", audit.administrator(user.pk))


def enable(name: str, actor: str) -> None:
    """Let an account in again, with its password; its sessions stay ended. Raises FoveateError for an unknown name."""
    with transaction.atomic():
        user = _named(name, User.objects.select_for_update())
        if not user.is_active:
            user.is_active = True
            user.save(update_fields=["is_active"])
            audit.record(actor, "account enabled", audit.administrator(user.pk))


def _named(name: str, users: Iterable[User]) -> User:
    found = {user.username: user for user in users}
    if name not in found:
        raise FoveateError(f"there is no administrator {name}: there is {', '.join(sorted(found)) or 'nobody'}.")
    return found[name]


def _end_sessions(user: User) -> None:
    for session in Session.objects.all():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
