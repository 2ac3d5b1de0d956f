"""What holds for every request and answer: what is read, headers, the age of sessions, a page for a full disk."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading.site import clock, failures

_LOG = logging.getLogger("foveate.reading")
Answer = Callable[[HttpRequest], HttpResponse]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
READER_IDLE, READER_LONGEST = timedelta(hours=12), timedelta(days=30)
ADMINISTRATOR_IDLE, ADMINISTRATOR_LONGEST = timedelta(minutes=30), timedelta(hours=12)
BEGAN, SEEN = "began", "seen"  # in the session, seconds since 1970
_SELDOM = 60  # seconds between two notes that a session is alive


def headers(get_response: Answer) -> Answer:
    """Nothing is kept by browsers or proxies, nothing comes from elsewhere."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        response["X-Frame-Options"] = "DENY"
        if not request.path.startswith("/static/"):
            response["Cache-Control"] = "private, no-store"
        return response

    return respond


def readable(get_response: Answer) -> Answer:
    """Refuse what no page can use, before anything reads it.

    A body that is too large by its length, to which Django's own answer is 400; and NUL, which PostgreSQL refuses with
    an error: no address has it, and a cookie with it is nobody's.
    """

    def respond(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return failures.too_much(request)
        if "\0" in request.path_info:
            return failures.not_found(request)
        for name in [name for name, value in request.COOKIES.items() if "\0" in value]:
            del request.COOKIES[name]
        return get_response(request)

    return respond


class storage_errors:  # noqa: N801 - a middleware, named like the others
    """A database that cannot write, or a changed file, becomes a page that says so; transactions are undone by then."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if failures.of_storage(exception):
            return failures.storage(request)
        if isinstance(exception, FoveateError):  # of the study's files: the path is for the terminal
            _LOG.error("%s", exception)
            return failures.files(request)
        return None


def session_ages(get_response: Answer) -> Answer:
    """End sessions that are idle, old, or of a clock that ran ahead; note now and then that the others are alive."""

    def respond(request: HttpRequest) -> HttpResponse:
        staff = request.user.is_authenticated  # first: it empties a session whose password was replaced
        session = request.session
        if BEGAN in session:
            now, latest = timezone.now().timestamp(), clock.latest().timestamp()
            idle, longest = (ADMINISTRATOR_IDLE, ADMINISTRATOR_LONGEST) if staff else (READER_IDLE, READER_LONGEST)
            too_old = now - session[SEEN] > idle.total_seconds() or now - session[BEGAN] > longest.total_seconds()
            if too_old or max(session[SEEN], session[BEGAN]) > latest:
                logout(request)
            elif now - session[SEEN] > _SELDOM:
                session[SEEN] = now
                with contextlib.suppress(UpdateError):  # a full disk: pages can be read all the same
                    session.save()
                session.modified = False
        return get_response(request)

    return respond


def begin_session(request: HttpRequest) -> None:
    """Note the time from which a new session counts."""
    request.session[BEGAN] = request.session[SEEN] = timezone.now().timestamp()
