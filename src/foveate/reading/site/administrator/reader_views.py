"""Readers: invited, given another link or return code, locked out, erased. Secrets are shown once and not stored."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from foveate.errors import FoveateError
from foveate.reading.site import backup, enrolment, forms, server, state, study, tokens
from foveate.reading.site.administrator.access import (
    AdministratorRequest,
    actor,
    confirm_password,
    for_administrator,
    said,
)
from foveate.reading.site.administrator.readers import standings
from foveate.reading.site.models import AuditEntry, Reader

_SHOWN = 200  # characters of a pseudonym that was refused, to be corrected


@require_http_methods(["GET", "POST"])
@for_administrator
def readers(request: AdministratorRequest) -> HttpResponse:
    """Who reads, and how far they are. POST invites another one and shows the link."""
    if request.method == "GET":
        return _page(request)
    given = {name: request.POST.get(name, "") for name in ("pseudonym", "dataset", "days")}

    def act(seed: bytes) -> str:
        pseudonym, dataset, days = given["pseudonym"], given["dataset"] or None, _days(given["days"])
        return enrolment.invite(pseudonym, dataset, actor(request), days, tokens.new(seed))[0].public_id

    try:
        _result, seed = forms.once(request, f"{actor(request)} invites", act)
    except FoveateError as error:
        given["pseudonym"] = given["pseudonym"][:_SHOWN]
        return _page(request, wrong=said(error), given=given)
    return _with_link(request, tokens.new(seed))


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise FoveateError(_("Say for how many days the link is good: 1 to 365."))
    return int(text)


def _with_link(request: AdministratorRequest, token: str) -> HttpResponse:
    """The link that was just made, unless it has been used or ended since."""
    link = enrolment.usable(token)
    if link is None:
        return redirect("admin-readers")
    address = server.reader_address(settings.DEPLOYMENT, token)
    return _page(request, made={"reader": link.reader, "link": address, "until": link.expires_at})


def _page(
    request: AdministratorRequest,
    wrong: str = "",
    given: dict[str, str] | None = None,
    made: dict[str, Any] | None = None,
) -> HttpResponse:
    context = {
        "standings": standings(),
        "datasets": study.study().datasets,
        "obstacles": state.obstacles(),
        "given": given or {"pseudonym": "", "dataset": "", "days": str(enrolment.DAYS)},
        "wrong": wrong,
        "made": made,
    }
    return render(request, "reading/admin/readers.html", context, status=400 if wrong else 200)


def _reader(public_id: str) -> Reader:
    found = Reader.objects.filter(public_id=public_id).first()
    if found is None:
        raise Http404
    return found


@require_POST
@for_administrator
def new_link(request: AdministratorRequest, public_id: str) -> HttpResponse:
    """Another link for a reader who has not begun."""
    reader = _reader(public_id)

    def act(seed: bytes) -> str:
        enrolment.new_link(reader, actor(request), token=tokens.new(seed))
        return "made"

    try:
        _result, seed = forms.once(request, f"{actor(request)} links {public_id}", act)
    except FoveateError as error:
        return _page(request, wrong=said(error))
    return _with_link(request, tokens.new(seed))


@require_POST
@for_administrator
def revoke(request: AdministratorRequest, public_id: str) -> HttpResponse:
    """End the open link and all sessions."""
    reader = _reader(public_id)

    def act(_seed: bytes) -> str:
        enrolment.revoke(reader, actor(request))
        return "revoked"

    try:
        forms.once(request, f"{actor(request)} revokes {public_id}", act)
    except FoveateError as error:
        return _page(request, wrong=said(error))
    return redirect("admin-readers")


@require_POST
@for_administrator
def new_code(request: AdministratorRequest, public_id: str) -> HttpResponse:
    """Another return code for a reader who has lost theirs, or whom somebody else reads for."""
    reader = _reader(public_id)

    def act(seed: bytes) -> str:
        enrolment.new_code(reader, actor(request), tokens.return_code(seed))
        return "made"

    try:
        _result, seed = forms.once(request, f"{actor(request)} gives a code to {public_id}", act)
    except FoveateError as error:
        return _page(request, wrong=said(error))
    code = tokens.return_code(seed)
    if enrolment.by_code(code) != reader:  # another has taken its place since
        return redirect("admin-readers")
    return _page(request, made={"reader": reader, "code": code})


@require_http_methods(["GET", "POST"])
@for_administrator
def erase(request: AdministratorRequest, public_id: str) -> HttpResponse:
    """GET says what goes and which backups still hold the reader; POST, with the password, erases."""
    if request.method == "POST" and public_id in enrolment.erased():  # the form was sent twice
        return redirect("admin-readers")
    reader, wrong = _reader(public_id), ""
    unblinded = state.state().unblinded_at is not None
    if request.method == "POST":
        try:
            if request.POST.get("sure") != "yes":
                raise FoveateError(_("Tick the box if this reader and all their answers are to be erased."))
            confirm_password(request)
            enrolment.erase(reader, actor(request))
            return redirect("admin-readers")
        except FoveateError as error:
            wrong = said(error)
            if not Reader.objects.filter(public_id=public_id).exists():  # erased, and then the results not written
                return _page(request, wrong=wrong)
    context = {
        "reader": reader,
        "wrong": wrong,
        "unblinded": unblinded,
        "holding": backup.holding(public_id),
        "made": AuditEntry.objects.filter(action="backup made", at__gte=reader.created_at).order_by("-id"),
    }
    return render(request, "reading/admin/erase.html", context, status=400 if wrong else 200)
