"""What a person sees when a request fails, and what of it the terminal gets."""

from __future__ import annotations

import logging
import re
import sys

from django.db.utils import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


class WithoutAddresses(logging.Filter):
    """Keeps requests' addresses, which may carry a token, out of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "request", None) is not None:
            record.msg, record.args = "a request failed with status %s", (getattr(record, "status_code", "?"),)
        if record.name == "waitress":
            record.msg = re.sub(r"( while serving ).*", r"\1a request", str(record.msg), flags=re.DOTALL)
        return True


def page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    """A failure as a page, or as JSON where a script asked."""
    if request.headers.get("X-Requested-With") == "fetch":
        return JsonResponse({"error": title, "text": text}, status=status)
    return render(request, "reading/failure.html", {"title": title, "text": text}, status=status)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    return page(
        request,
        403,
        _("This form could not be accepted"),
        _("It was sent from another site, or from a page that is out of date. Open the page again and send it again."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 404, _("There is nothing here"), _("The address is wrong, or not for you."))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, 400, _("This request could not be read"), _("Go back and try again."))


def of_storage(error: BaseException | None) -> bool:
    """Whether the database is away or cannot write; PostgreSQL says in words that it is full or a copy to read from."""
    if isinstance(error, DatabaseError):
        return isinstance(error, OperationalError) or any(word in str(error) for word in ("full", "read-only"))
    return False


def server_error(request: HttpRequest) -> HttpResponse:
    if of_storage(sys.exc_info()[1]):  # outside of the views, such as who is signed in
        return storage(request)
    return page(
        request,
        500,
        _("Something went wrong"),
        _("What was saved before is kept. Try again; if it happens again, tell the people who run the study."),
    )


def too_often(request: HttpRequest) -> HttpResponse:
    return page(request, 429, _("Too many attempts"), _("Wait a minute, then try again."))


def too_large(request: HttpRequest) -> HttpResponse:
    return page(request, 413, _("This text is too long"), _("An answer has 10,000 characters at most."))


def too_much(request: HttpRequest) -> HttpResponse:
    return page(
        request,
        413,
        _("This is too long"),
        _("An answer has 10,000 characters at most, and the server takes 256 KB at a time. Go back and shorten it."),
    )


def storage(request: HttpRequest) -> HttpResponse:
    return page(
        request,
        503,
        _("The answer could not be stored"),
        _(
            "The server cannot write at the moment; its disk may be full. What was saved before is kept. "
            "Leave this page open and try again later, and tell the people who run the study."
        ),
    )


def files(request: HttpRequest) -> HttpResponse:
    return page(
        request,
        503,
        _("The study is not as it was made"),
        _("A file of the study is missing or has changed. Tell the people who run the study; your answers are kept."),
    )
