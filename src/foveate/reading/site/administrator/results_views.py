"""What the answers say: letters only while the study is blind; the password again for all that leaves the house."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from foveate.errors import FoveateError
from foveate.reading import export as exporting
from foveate.reading import result_tables
from foveate.reading.result_tables import ResultTable
from foveate.reading.result_words import headline
from foveate.reading.results import DatasetResults, analysed
from foveate.reading.site import backup, exports, state, study, unblinding
from foveate.reading.site.administrator.access import (
    AdministratorRequest,
    actor,
    confirm_password,
    for_administrator,
    said,
)
from foveate.reading.site.administrator.readers import standings
from foveate.reading.site.models import AuditEntry


@dataclass(frozen=True)
class Section:
    """The results of one data set."""

    title: str
    headline: str
    tables: list[ResultTable]


_known: dict[str, Section] = {}  # by the digest of what it is about: many answers take seconds, and they are locked


@require_http_methods(["GET", "POST"])
@for_administrator
def results(request: AdministratorRequest) -> HttpResponse:
    """Before unblinding what does not depend on which model is which, afterwards the analysis.

    POST writes OUT/reading/results again, where unblinding could not.
    """
    at, wrong, sections = state.state().unblinded_at, "", []
    if request.method == "POST" and at:
        try:
            unblinding.write_results()
            return redirect("admin-results")
        except FoveateError as error:
            wrong = said(error)
    try:
        sections = _unblinded() if at else _blind()
    except FoveateError as error:  # such as a key that was moved away after unblinding
        wrong = wrong or said(error)
    context = {"unblinded_at": at, "sections": sections, "wrong": wrong, "unwritten": _unwritten()}
    return render(request, "reading/admin/results.html", context, status=400 if wrong else 200)


def _unwritten() -> bool:
    """Whether the study is unblinded and its folder does not hold the results: a page then offers to write them."""
    try:
        return state.state().unblinded_at is not None and not unblinding.results_are_written()
    except FoveateError:  # such as a key that is away: whoever tries to write them is told
        return True


def _blind() -> list[Section]:
    return [
        Section(own.title, "", result_tables.blind_tables(unblinding.blind(own.name))) for own in study.study().datasets
    ]


def _unblinded() -> list[Section]:
    sections = {}
    for own in unblinding.unblinded():
        digest = hashlib.sha256(exporting.as_json(own).encode()).hexdigest()
        sections[digest] = _known.get(digest) or _analysed(own)
    _known.clear()  # of readers who were erased nothing stays
    _known.update(sections)
    return list(sections.values())


def _analysed(own: DatasetResults) -> Section:
    found = analysed(own)
    return Section(own.title, headline(own, found), result_tables.tables(own, found))


@require_http_methods(["GET", "POST"])
@for_administrator
def unblind(request: AdministratorRequest) -> HttpResponse:
    """GET says what happens; POST, with the password, does it."""
    at, wrong = state.state().unblinded_at, ""
    if request.method == "POST" and at is None:
        try:
            confirm_password(request)
            unblinding.unblind(actor(request))
            return redirect("admin-results")
        except FoveateError as error:
            wrong, at = said(error), state.state().unblinded_at
    readers = standings()
    context = {
        "unblinded_at": at,
        "wrong": wrong,
        "unwritten": _unwritten(),
        "readers": readers,
        "unfinished": [own for own in readers if own.state not in ("finished", "withdrawn")],
    }
    return render(request, "reading/admin/unblind.html", context, status=400 if wrong else 200)


@require_http_methods(["GET", "POST"])
@for_administrator
def export(request: AdministratorRequest) -> HttpResponse:
    """The answers as files, for a statistician or REDCap."""
    wrong = ""
    if request.method == "POST":
        try:
            confirm_password(request)
            return _download(*exports.archive(actor(request)))
        except FoveateError as error:
            wrong = said(error)
    context = {"unblinded_at": state.state().unblinded_at, "wrong": wrong, "unwritten": _unwritten()}
    return render(request, "reading/admin/export.html", context, status=400 if wrong else 200)


@require_http_methods(["GET", "POST"])
@for_administrator
def make_backup(request: AdministratorRequest) -> HttpResponse:
    """All that the database holds, to be kept in another place."""
    wrong = ""
    if request.method == "POST":
        try:
            confirm_password(request)
            data, _about = backup.content(actor(request))
            return _download(f"reading-backup-{timezone.now():%Y-%m-%dT%H%M%S}.zip", data)
        except FoveateError as error:
            wrong = said(error)
    context = {
        "wrong": wrong,
        "place": study.place(),
        "listed": [
            (path.name, datetime.fromisoformat(about.made_at), len(about.readers))
            for path, about in reversed(backup.listed())
        ],
        "made": AuditEntry.objects.filter(action="backup made").order_by("-id")[:20],
    }
    return render(request, "reading/admin/backup.html", context, status=400 if wrong else 200)


def _download(name: str, data: bytes) -> HttpResponse:
    return HttpResponse(
        data, content_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
