"""How an administrator comes in: by a link that works once, then by name and password."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from foveate.errors import FoveateError
from foveate.reading.site import access, accounts, audit, browsers, failures, forms, throttle
from foveate.reading.site.administrator.access import AdministratorRequest, actor, for_administrator, said


@require_http_methods(["GET", "POST"])
def first(request: HttpRequest, token: str) -> HttpResponse:
    """Name and password, for whoever has the link; it works once."""
    if not accounts.usable(token):
        return _again(request, token)
    name, wrong = _name(request), ""
    if request.method == "POST":
        password = request.POST.get("password", "")
        try:
            if password != request.POST.get("again", ""):
                raise FoveateError(_("The two passwords differ."))
            user = accounts.set_password(token, name, password)
            accounts.begin(request, user)
            return _come_in(user)
        except FoveateError as error:
            if not accounts.usable(token):  # used by another request in the meantime
                return _again(request, token)
            wrong = said(error)
    context = {"token": token, "name": name, "wrong": wrong}
    return render(request, "reading/admin/first.html", context, status=400 if wrong else 200)


def _come_in(user: User) -> HttpResponse:
    response = redirect("overview")
    browsers.remember(response, user)
    return response


def _again(request: HttpRequest, token: str) -> HttpResponse:
    """A link that was used: perhaps by this very form, whose answer was lost. Name and password lead in anyway."""
    if request.method == "POST" and accounts.was_used(token):
        try:
            user = accounts.sign_in(request, _name(request), request.POST.get("password", ""))
            if user is not None:
                return _come_in(user)
        except throttle.TooOftenError:
            return failures.too_often(request)
    elif request.method == "POST" and not throttle.spend(throttle.SIGN_IN, throttle.address(request)):
        return failures.too_often(request)
    return failures.page(
        request,
        410,
        _("This link does not work any more"),
        _(
            "A link for administrators works once and for 24 hours. Sign in with your name and password; if they are "
            "lost, `foveate reading admin OUT --reset` on the server makes a new link."
        ),
    )


def _name(request: HttpRequest) -> str:
    """As accounts are named: spaces tidied, and no NUL, which PostgreSQL refuses with an error."""
    return " ".join(request.POST.get("name", "").replace("\0", "").split())[:200]


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Name and password. What was wrong is not said: it would tell which names there are."""
    name, wrong = _name(request), ""
    if request.method == "POST":
        try:
            user = accounts.sign_in(request, name, request.POST.get("password", ""))
            if user is not None:
                return _come_in(user)
        except throttle.TooOftenError:
            return failures.too_often(request)
        wrong = _("Name and password do not fit together.")
    elif request.user.is_authenticated:
        return redirect("overview")
    context = {"name": name, "wrong": wrong, "exist": accounts.exist()}
    return render(request, "reading/admin/sign-in.html", context, status=400 if wrong else 200)


@require_POST
@for_administrator
def sign_out(request: AdministratorRequest) -> HttpResponse:
    audit.record(actor(request), "signed out")
    forms.forget(request)
    return access.sign_out(request, redirect("admin-sign-in"))
