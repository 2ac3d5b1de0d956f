"""Before the first reader is invited: the images looked through for names, the approved information put in."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from foveate.errors import FoveateError
from foveate.reading import writing
from foveate.reading.site import forms, state, study
from foveate.reading.site.administrator.access import (
    AdministratorRequest,
    actor,
    confirm_password,
    for_administrator,
    said,
)
from foveate.reading.site.models import Reader


@require_http_methods(["GET", "POST"])
@for_administrator
def sheet(request: AdministratorRequest) -> HttpResponse:
    """All images, without heat-maps, for a person to look through."""
    wrong = ""
    if request.method == "POST":
        if request.POST.get("looked") == "yes":
            state.confirm_sheet(actor(request))
            return redirect("overview")
        wrong = _("Look at every image, then tick the box.")
    context = {
        "wrong": wrong,
        "confirmed_at": state.state().sheet_confirmed_at,
        "cases": list(study.cases().values()),
    }
    return render(request, "reading/admin/sheet.html", context, status=400 if wrong else 200)


@require_GET
@for_administrator
def sheet_image(request: AdministratorRequest) -> HttpResponse:
    """The contact sheet."""
    path = study.place() / writing.SHEET
    if path.is_symlink() or not path.is_file():
        raise Http404
    return HttpResponse(path.read_bytes(), content_type="image/png")


@require_GET
@for_administrator
def sheet_picture(request: AdministratorRequest, name: str) -> HttpResponse:
    """The image of one case at full size, as readers see it without a heat-map; never a heat-map."""
    if name not in study.cases():
        raise Http404
    return HttpResponse(study.picture(name), content_type="image/png")


def _put_in(request: AdministratorRequest, text: str) -> str:
    return f"version {state.put_in_consent(actor(request), text).version}"


@require_http_methods(["GET", "POST"])
@for_administrator
def information(request: AdministratorRequest) -> HttpResponse:
    """The information for readers that is in force; the next version of it, with the password: all must agree again."""
    given, wrong = request.POST.get("text", ""), ""
    if request.method == "POST":
        try:
            confirm_password(request)
            forms.once(request, f"{actor(request)} informs", lambda _seed: _put_in(request, given))
            return redirect("admin-information")
        except FoveateError as error:
            wrong = said(error)
    text, here = state.consent(), Reader.objects.filter(withdrawn_at=None)
    context = {
        "text": text,
        "given": given,
        "wrong": wrong,
        "agreed": here.filter(consent=text).count(),
        "again": here.filter(finished_at=None).exclude(consent=None).count(),
        "longest": f"{state.LONGEST_CONSENT:,}",
    }
    return render(request, "reading/admin/information.html", context, status=400 if wrong else 200)
