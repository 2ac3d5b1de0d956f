"""What a reader sees, up to the first case: the link, the information, who they are, the code to come back."""

from __future__ import annotations

import re

from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from foveate.reading.answers import LETTERS
from foveate.reading.site import (
    access,
    audit,
    enrolment,
    failures,
    forms,
    saving,
    state,
    study,
    throttle,
    tokens,
)
from foveate.reading.site.access import ReaderRequest
from foveate.reading.site.models import Reader, Showing

SPECIALITIES = ("dermatology", "radiology", "neuroradiology", "pulmonology", "pathology", "general medicine", "other")
LONGEST_HEADING = 60  # characters: the lines of a wrapped text are longer
DISPLAYS = ("diagnostic monitor", "office monitor", "laptop", "tablet", "phone")


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Everybody to where they go on."""
    reader = access.reader_of(request)
    if reader is not None:
        return redirect(access.missing_step(reader) or "steps")
    return redirect("overview" if request.user.is_authenticated else "return")


@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """GET looks, POST uses the link up: programs that follow links in letters use nothing up.

    The browser that used it up can do so again for some minutes: the answer may have been lost on the way.
    """
    if request.method == "POST":
        result, _seed = forms.once(request, _BEGIN, lambda _seed: _redeemed(token), own=token)
        reader = _begun(result)
        if reader is not None:
            access.sign_in(request, reader)
            return redirect("information")
        if not throttle.spend(throttle.SIGN_IN, throttle.address(request)):
            return failures.too_often(request)
    elif enrolment.usable(token) is not None or _begun(forms.came_of(request, _BEGIN, own=token)) is not None:
        return render(request, "reading/invitation.html", {"token": token})
    return failures.page(
        request,
        410,
        _("This link does not work any more"),
        _(
            "A link works once and for a limited time. If you have begun already, go on with your return code; "
            "otherwise ask the people who run the study for a new link."
        ),
    )


_BEGIN = "begin"


def _redeemed(token: str) -> str | None:
    reader = enrolment.redeem(token)
    return f"{reader.public_id} {reader.epoch}" if reader else None


def _begun(result: str | None) -> Reader | None:
    """Who has redeemed the link, as long as they have no return code yet and their sessions have not been ended."""
    if result is None:
        return None
    public_id, epoch = result.split()
    return Reader.objects.filter(public_id=public_id, epoch=epoch, enrolled_at=None, withdrawn_at=None).first()


@require_http_methods(["GET", "POST"])
@access.for_reader
def information(request: ReaderRequest) -> HttpResponse:
    """The information for readers; going on means agreeing to this version of it."""
    reader, text = request.reader, state.consent()
    wrong = ""
    if request.method == "POST":
        if request.POST.get("version") != str(text.version):
            wrong = _("The information has changed while you read it: please read it again.")
        elif request.POST.get("agree") != "yes":
            wrong = _("Tick the box if you want to take part; otherwise you can close this page or withdraw.")
        else:
            enrolment.agree(reader, text)
            return redirect("about" if reader.enrolled_at is None else "steps")
    agreed = reader.consent_id == text.pk
    context = {"text": text, "paragraphs": _paragraphs(text.text), "wrong": wrong, "agreed": agreed}
    return render(request, "reading/information.html", context, status=400 if wrong else 200)


def _paragraphs(text: str) -> list[dict[str, str]]:
    """What blank lines separate; a short first line that is no sentence is the heading of what follows it."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        first, _, rest = block.partition("\n")
        is_heading = bool(rest) and len(first) <= LONGEST_HEADING and first.rstrip()[-1:] not in ".,;:"
        found.append({"heading": first, "text": rest} if is_heading else {"heading": "", "text": block})
    return found


@require_http_methods(["GET", "POST"])
@access.for_reader
def about(request: ReaderRequest) -> HttpResponse:
    """Speciality and years in bands; then the showings are drawn and the return code is shown, once."""
    reader = request.reader
    deed = f"enrol {reader.public_id}"
    again = request.method == "POST" and forms.came_of(request, deed) is not None
    if access.missing_step(reader) != "about" and not again:
        return redirect(access.missing_step(reader) or "steps")
    given = {name: request.POST.get(name, "") for name in ("speciality", "years", "display")}
    wrong = ""
    if request.method == "POST":
        known = given["speciality"] in SPECIALITIES and given["years"] in Reader.Years.values
        if again or (known and given["display"] in DISPLAYS):
            return _enrolled(request, deed, given)
        wrong = _("Choose one entry in each of the three lists.")
    context = {
        "given": given,
        "wrong": wrong,
        "specialities": SPECIALITIES,
        "years": Reader.Years.choices,
        "displays": DISPLAYS,
    }
    return render(request, "reading/about.html", context, status=400 if wrong else 200)


def _enrolled(request: ReaderRequest, deed: str, given: dict[str, str]) -> HttpResponse:
    def act(seed: bytes) -> str:
        enrolment.enrol(request.reader, tokens.return_code(seed), given)
        return "enrolled"

    try:
        _result, seed = forms.once(request, deed, act)
    except enrolment.EnrolledError:  # by another page at the same moment, which has shown the code
        return redirect("steps")
    except enrolment.GoneError:
        return access.ask_who(request)
    return _with_code(request, seed)


def _with_code(request: ReaderRequest, seed: bytes) -> HttpResponse:
    """The code that was made from this seed, unless another has taken its place since."""
    made = tokens.return_code(seed)
    if enrolment.by_code(made) != request.reader:
        return redirect("code")
    return render(request, "reading/code.html", {"code": made})


@require_http_methods(["GET", "POST"])
@access.for_enrolled
def code(request: ReaderRequest) -> HttpResponse:
    """Another return code in place of one that was lost."""
    reader = request.reader
    if request.method == "GET":
        return render(request, "reading/code.html", {"code": None})

    def act(seed: bytes) -> str:
        enrolment.new_code(reader, audit.reader(reader.public_id), tokens.return_code(seed))
        access.stay_signed_in(request, reader)
        return "made"

    try:
        _result, seed = forms.once(request, f"code {reader.public_id}", act)
    except (UpdateError, enrolment.GoneError):  # signed out, or gone, at the same moment: nothing was done
        request.session.flush()
        return access.ask_who(request)
    return _with_code(request, seed)


@require_http_methods(["GET", "POST"])
def return_(request: HttpRequest) -> HttpResponse:
    """Go on with a return code, on any device."""
    wrong = ""
    if request.method == "POST":
        reader = enrolment.by_code(request.POST.get("code", ""))
        if reader is not None:
            access.sign_in(request, reader)
            audit.record(audit.reader(reader.public_id), "returned")
            return redirect(access.missing_step(reader) or "steps")
        if not throttle.spend(throttle.SIGN_IN, throttle.address(request)):
            return failures.too_often(request)
        wrong = _("This is no return code of a reader. It has six groups of four letters and digits.")
    return render(request, "reading/return.html", {"wrong": wrong}, status=400 if wrong else 200)


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End this session; the answers stay, and the return code leads back."""
    forms.forget(request)
    return access.sign_out(request, redirect("return"))


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest) -> HttpResponse:
    """A reader ends their part alone, and says what becomes of the answers."""
    if request.method == "POST" and access.reader_of(request) is None:  # perhaps by this very form, a moment ago
        wish = forms.came_of(request, _WITHDRAW)
        if wish is not None:
            return _withdrawn(request, wish)
    return _withdrawing(request)


_WITHDRAW = "withdraw"


@access.for_reader
def _withdrawing(request: ReaderRequest) -> HttpResponse:
    locked = state.state().unblinded_at is not None
    if request.method == "GET":
        return render(request, "reading/withdraw.html", {"wrong": "", "locked": locked})
    wish = request.POST.get("answers")
    if wish not in ("keep", "delete"):
        context = {"wrong": _("Say what becomes of your answers."), "locked": locked}
        return render(request, "reading/withdraw.html", context, status=400)
    wish = "keep" if locked else wish
    # Noted first: from the moment on in which the reader is gone, the same form again finds it.
    forms.once(request, _WITHDRAW, lambda _seed: wish)
    try:
        if wish == "delete":
            enrolment.erase(request.reader, audit.reader(request.reader.public_id))
        else:
            enrolment.withdraw(request.reader)
    except Exception:
        forms.forget(request)
        raise
    return _withdrawn(request, wish)


def _withdrawn(request: HttpRequest, wish: str) -> HttpResponse:
    return access.sign_out(request, render(request, "reading/withdrawn.html", {"deleted": wish == "delete"}))


@require_GET
@access.for_enrolled
def steps(request: ReaderRequest) -> HttpResponse:
    """Where the reader stands: instructions, progress, and the way to each step that is open."""
    reader = request.reader
    at = saving.progress(reader)
    showings = list(reader.showings.all())
    practice = sum(showing.kind == Showing.Kind.PRACTICE for showing in showings)
    rows = [
        {
            "showing": showing,
            "kind": "case" if showing.kind == Showing.Kind.REPEAT else showing.kind,
            "number": showing.place if showing.place <= practice else showing.place - practice,
            "answered": showing.place in at.answered_places,
            "open": saving.may_open(reader, showing),
        }
        for showing in showings
    ]
    dataset = study.dataset(reader.dataset)
    context = {
        "progress": at,
        "at_end": reader.finished_at is None and bool(showings) and at.next_place == showings[-1].place,
        "rows": rows,
        "study": study.study(),
        "dataset": dataset,
        "letters": ", ".join(LETTERS[: dataset.models]),
    }
    return render(request, "reading/steps.html", context)
