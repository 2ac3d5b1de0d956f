"""How administrators come in, change their password, and let others in or shut them out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from foveate.errors import FoveateError
from foveate.reading.site import access, accounts, audit, browsers, failures, forms, server, throttle, tokens
from foveate.reading.site.administrator.access import (
    AdministratorRequest,
    actor,
    confirm_password,
    for_administrator,
    said,
)


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
    context = {"token": token, "name": name, "wrong": wrong, "replaces": accounts.replaces_passwords(token)}
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


@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Another password of one's own. The change ends the session that asked: sent again, the new password leads in."""
    if request.method == "POST" and not request.user.is_authenticated:
        name = forms.came_of(request, _CHANGE)
        try:
            if name is not None:
                return _with_new(request, name)
        except throttle.TooOftenError:
            return failures.too_often(request)
    return _changing(request)


_CHANGE = "change password"


@for_administrator
def _changing(request: AdministratorRequest) -> HttpResponse:
    wrong, done = "", []

    def act(_seed: bytes) -> str:
        accounts.change_password(request, request.user, request.POST.get("password", ""), request.POST.get("new", ""))
        done.append(True)
        return request.user.username

    if request.method == "POST":
        try:
            if request.POST.get("new", "") != request.POST.get("again", ""):
                raise FoveateError(_("The two new passwords differ."))
            name, _seed = forms.once(request, _CHANGE, act)
            return redirect("admin-accounts") if done or name is None else _with_new(request, name)
        except FoveateError as error:
            wrong = said(error)
    return render(request, "reading/admin/own-password.html", {"wrong": wrong}, status=400 if wrong else 200)


def _with_new(request: HttpRequest, name: str) -> HttpResponse:
    """The form that changed the password, sent again: its new password signs in where the session has ended."""
    user = accounts.sign_in(request, name, request.POST.get("new", ""))
    return _come_in(user) if user is not None else redirect("admin-sign-in")


@require_http_methods(["GET", "POST"])
@for_administrator
def administrators(request: AdministratorRequest) -> HttpResponse:
    """Who runs the study. POST, with the password, makes a link for one more, shown once."""
    wrong, link = "", ""

    def act(seed: bytes) -> str:
        accounts.new_link(actor(request), new_accounts_only=True, token=tokens.new(seed))
        return "made"

    if request.method == "POST":
        try:
            confirm_password(request)
            _result, seed = forms.once(request, f"{actor(request)} invites an administrator", act)
            token = tokens.new(seed)
            if accounts.usable(token):  # not used, and no other made since
                link = server.administrator_address(settings.DEPLOYMENT, token)
        except FoveateError as error:
            wrong = said(error)
    context = {"accounts": User.objects.order_by("username"), "wrong": wrong, "link": link}
    return render(request, "reading/admin/administrators.html", context, status=400 if wrong else 200)


@require_http_methods(["GET", "POST"])
@for_administrator
def account(request: AdministratorRequest, number: int) -> HttpResponse:
    """Disable another administrator, or let one in again: GET asks, POST, with the password, does it."""
    own, wrong = User.objects.filter(pk=number).first(), ""
    if own is None:
        raise Http404
    if request.method == "POST":
        try:
            confirm_password(request)
            if request.POST.get("access") == "enable":
                accounts.enable(own.username, actor(request))
            else:
                accounts.disable(own.username, actor(request), by=request.user)
            return redirect("admin-accounts")
        except FoveateError as error:
            wrong = said(error)
    return render(request, "reading/admin/account.html", {"own": own, "wrong": wrong}, status=400 if wrong else 200)
