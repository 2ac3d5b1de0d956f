"""The administrator's first page, and what can be looked up: the log, the checks of the deployment."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from foveate.reading import blinding
from foveate.reading.site import audit, doctor, log_copy, state, study
from foveate.reading.site.administrator.access import for_administrator
from foveate.reading.site.administrator.readers import standings
from foveate.reading.site.models import AuditEntry, Reader

ENTRIES = 100  # of the log on a page


@require_GET
@for_administrator
def overview(request: HttpRequest) -> HttpResponse:
    """What is still to be done, what the study is, how far its readers are."""
    own = state.state()
    readers, options = standings(), study.study().options
    checklist = [
        (_("Set your password"), True, None),
        (_("Look through the images for names of patients"), own.sheet_confirmed_at is not None, "admin-sheet"),
        (_("Put in the approved information for readers"), not state.consent().draft, "admin-information"),
        (_("Invite the first reader"), bool(readers), "admin-readers"),
    ]
    context = {
        "checklist": checklist,
        "lacking": {"sheet": own.sheet_confirmed_at is None, "information": state.consent().draft},
        "study": study.study(),
        "datasets": [(of, blinding.repeats(of.cases, options.repeat_share)) for of in study.study().datasets],
        "repeat_percent": round(100 * options.repeat_share),
        "fewest_to_repeat": blinding.FEWEST_TO_REPEAT,
        "readers": readers,
        "unblinded_at": own.unblinded_at,
        "unblinded_by": _who_unblinded(),
    }
    return render(request, "reading/admin/overview.html", context)


def _who_unblinded() -> str:
    entry = AuditEntry.objects.filter(action="unblinded").first()
    return _names().get(entry.actor, entry.actor) if entry else ""


def _names() -> dict[str, str]:
    """What the log calls people -> what this page calls them. The log itself holds no names."""
    names = {audit.administrator(user.pk): user.get_username() for user in User.objects.all()}
    for reader in Reader.objects.all():
        names[audit.reader(reader.public_id)] = names[reader.public_id] = reader.pseudonym
    return names


@require_GET
@for_administrator
def log(request: HttpRequest) -> HttpResponse:
    """What was done, newest first."""
    page = Paginator(AuditEntry.objects.order_by("-id"), ENTRIES).get_page(request.GET.get("page"))
    names = _names()
    context = {
        "page": page,
        "entries": [(entry, names.get(entry.actor, ""), names.get(entry.subject, "")) for entry in page],
        "broken_at": audit.broken_at(),
        "missing": log_copy.missing(),
    }
    return render(request, "reading/admin/audit.html", context)


@require_GET
@for_administrator
def checks(request: HttpRequest) -> HttpResponse:
    """Is this deployment fit for readers?"""
    found = doctor.findings()
    context = {"findings": found, "bad": sum(finding.level == "bad" for finding in found)}
    return render(request, "reading/admin/doctor.html", context)
