"""Who may see a page: a reader what is theirs, an administrator what is blind."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from foveate.reading.site import middleware, state
from foveate.reading.site.models import Reader, Showing

View = Callable[..., HttpResponse]
READER, EPOCH = "reader", "epoch"  # in the session


class ReaderRequest(HttpRequest):
    """A request whose session belongs to a reader."""

    reader: Reader


def sign_in(request: HttpRequest, reader: Reader) -> None:
    """Begin a session of this reader, under a new name."""
    request.session.flush()
    request.session[READER], request.session[EPOCH] = reader.pk, reader.epoch
    middleware.begin_session(request)


def stay_signed_in(request: HttpRequest, reader: Reader) -> None:
    """Let this session alone outlast the end of all others, in the transaction that ends them.

    It keeps its name: an answer with another one might be lost, and the reader signed out with it. Raises UpdateError
    where the session was ended in the meantime.
    """
    request.session[EPOCH] = Reader.objects.values_list("epoch", flat=True).get(pk=reader.pk)
    request.session.save()
    request.session.modified = False


def sign_out(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """End the session, and leave nothing in the browser by which the next person at it could go on or look back.

    "cache" takes pages that its Back button would show, "storage" what the pages' scripts keep. Not "cookies": that
    would sign people out of other applications on the same domain; the session's cookie is worth nothing any more.
    """
    request.session.flush()
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def reader_of(request: HttpRequest) -> Reader | None:
    """The reader whose session this is, if it has not been ended from elsewhere."""
    number = request.session.get(READER)
    if number is None:
        return None
    reader = Reader.objects.filter(pk=number, withdrawn_at=None).select_related("consent").first()
    if reader is None:
        request.session.flush()
        return None
    if reader.epoch == request.session.get(EPOCH):
        return reader
    # Ended, unless `stay_signed_in` came between the reading of the session and that of the reader.
    now = SessionStore(request.session.session_key)
    return reader if (now.get(READER), now.get(EPOCH)) == (number, reader.epoch) else None


def for_reader(view: View) -> View:
    """Hand the page to readers who are signed in; others are asked for their return code."""

    @wraps(view)
    def guarded(request: ReaderRequest, *arguments: Any, **named: Any) -> HttpResponse:
        reader = reader_of(request)
        if reader is None:
            return ask_who(request)
        request.reader = reader
        return view(request, *arguments, **named)

    return guarded


def ask_who(request: HttpRequest) -> HttpResponse:
    """What readers get who are not signed in, or not any more."""
    if request.headers.get("X-Requested-With") == "fetch":
        said = {"error": _("You are signed out"), "text": _("Sign in again with your return code.")}
        return JsonResponse(said, status=401)
    return redirect("return")


def for_enrolled(view: View) -> View:
    """The same, for readers who have agreed to the information in force and said who they are."""

    @wraps(view)
    def guarded(request: ReaderRequest, *arguments: Any, **named: Any) -> HttpResponse:
        step = missing_step(request.reader)
        if step and request.headers.get("X-Requested-With") == "fetch":
            return JsonResponse(
                {
                    "error": _("Something comes first"),
                    "text": _("Load this page again: the study asks something first."),
                },
                status=409,
            )
        return redirect(step) if step else view(request, *arguments, **named)

    return for_reader(guarded)


def missing_step(reader: Reader) -> str | None:
    """The page that a reader must see before the cases."""
    if reader.consent_id != state.consent().pk and reader.finished_at is None:
        return "information"
    return "about" if reader.enrolled_at is None else None


def own_showing(reader: Reader, place: int) -> Showing:
    """Raises Http404 for a step that is not this reader's."""
    showing = Showing.objects.filter(reader=reader, place=place).prefetch_related("slots").first()
    if showing is None:
        raise Http404
    return showing
