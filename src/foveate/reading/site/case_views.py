"""A reader's cases: the page with all heat-maps, its pictures, saving, and the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from foveate.reading.answers import CANNOT_JUDGE, NONE
from foveate.reading.site import access, failures, masking, saving, storing, study, throttle
from foveate.reading.site.access import ReaderRequest
from foveate.reading.site.models import PLAIN, Reader, Showing, Slot
from foveate.reading.site.storing import Newer, Saved


@require_http_methods(["GET", "POST"])
@access.for_enrolled
def step(request: ReaderRequest, place: int) -> HttpResponse:
    """One step of the reading. POST saves it; from a script it answers in JSON, from a form it goes on."""
    reader = request.reader
    showing = access.own_showing(reader, place)
    by_script = request.headers.get("X-Requested-With") == "fetch"
    if not saving.may_open(reader, showing):
        if by_script:
            return failures.page(request, 409, _("This step is closed"), _("Your answers here are final."))
        return redirect("done" if reader.finished_at else "steps")
    if request.method == "GET":
        return _page(request, showing)
    try:
        page = saving.read_page(request.POST.get("page", ""), showing)
        sequence, base = _number(request.POST.get("sequence", "0")), _base(request.POST.get("base", ""))
        active = request.POST.get("active", "")
        theirs = request.POST.getlist("theirs")  # without a script: where the other page's answer is to stay
        given = {name: value for name, value in request.POST.dict().items() if name not in theirs}
        saved = saving.save(reader, showing, page, given, sequence, _number(active) if active else None, base)
    except saving.TooLongError:
        return failures.too_large(request)
    except throttle.TooOftenError:
        return failures.too_often(request)
    except saving.LockedError:
        return _too_late(request)
    except saving.MalformedError as error:
        return failures.page(request, 400, _("This answer does not fit the page"), str(error).capitalize() + ".")
    if by_script:
        return _told(request, showing, sequence, saved)
    return _page(request, showing, conflicts=saved.conflicts) if saved.conflicts else _go_on(request, showing)


def _told(request: ReaderRequest, showing: Showing, sequence: int, saved: Saved) -> JsonResponse:
    """What a script is answered: 409 where another page has saved something else since this one was made."""
    at = saving.progress(request.reader)
    conflicts = {name: _newer(name, one) for name, one in saved.conflicts.items()}
    data = {"saved": sequence, "answered": at.answered, "cases": at.cases, "revisions": saved.revisions}
    return JsonResponse(data | ({"conflicts": conflicts} if conflicts else {}), status=409 if conflicts else 200)


def _newer(name: str, one: Newer) -> dict[str, Any]:
    """An answer of another page, as the two pages' reader sees it."""
    value = one.value
    if name == study.choice().name:
        value = {NONE: _("None of them"), CANNOT_JUDGE: _("Cannot judge")}.get(value, value)
    return {"value": one.value, "shown": value or _("no answer"), "revision": one.revision}


def _base(text: str) -> storing.Revisions:
    try:
        return storing.read(text)
    except ValueError as error:
        raise saving.MalformedError(str(error)) from error


def _too_late(request: ReaderRequest) -> HttpResponse:
    """Another request was first: the reader has finished, by a second click perhaps, or is gone; or all is locked."""
    own = Reader.objects.filter(pk=request.reader.pk, withdrawn_at=None).first()
    if own is None:
        return access.ask_who(request)
    if own.finished_at is not None and request.headers.get("X-Requested-With") != "fetch":
        return redirect("done")
    return failures.page(request, 409, _("The study is closed"), _("Answers cannot be changed any more."))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise saving.MalformedError("a number of the page was changed")
    return int(text)


def _go_on(request: ReaderRequest, showing: Showing) -> HttpResponse:
    """After a form was sent: to where its button leads."""
    if request.POST.get("go") == "back":
        return redirect("step", place=max(1, showing.place - 1))
    if request.POST.get("go") == "steps":
        return redirect("steps")
    if showing.kind == Showing.Kind.END:
        if request.POST.get("go") == "finish":
            try:
                saving.finish(request.reader)
            except saving.RefusedError:
                return redirect("steps")
            return redirect("done")
        return redirect("steps")
    if showing.place not in saving.progress(request.reader).answered_places:
        return _page(request, showing, _("Choose a letter, None or Cannot judge before you go on."))
    return redirect("step", place=showing.place + 1)


def _page(
    request: ReaderRequest, showing: Showing, wrong: str = "", conflicts: Mapping[str, Newer] | None = None
) -> HttpResponse:
    reader = request.reader
    at, questions = saving.progress(reader), saving.asked(showing)
    base, replies = storing.revisions(showing), dict(showing.replies.values_list("question", "value"))
    newer = {name: _newer(name, one) for name, one in (conflicts or {}).items()}
    for name, one in newer.items():  # the page shows both, and its next word is about this one
        base[name], replies[name] = one["revision"], request.POST[name]
    letters = saving.letters_of(showing)
    context: dict[str, Any] = {
        "showing": showing,
        "progress": at,
        "page": saving.open_page(showing),
        "base": storing.written(base),
        "conflict": bool(newer),
        "number": _alike(showing).filter(place__lte=showing.place).count(),
        "total": _alike(showing).count(),
        "wrong": wrong,
        "back": showing.place > 1 and study.study().options.go_back,
        "questions": [_question(question, letters, replies, newer) for question in questions],
        "longest": saving.LONGEST,
    }
    status = 409 if newer else 400 if wrong else 200
    if showing.kind == Showing.Kind.END:
        return render(request, "reading/end.html", context, status=status)
    case = study.cases()[showing.case]
    context |= {
        "plain": next(slot for slot in showing.slots.all() if slot.letter == PLAIN),
        "maps": [slot for slot in showing.slots.all() if slot.letter != PLAIN],
        "width": case.width,
        "height": case.height,
        "truth": case.truth,
        "none": NONE,
        "cannot_judge": CANNOT_JUDGE,
    }
    return render(request, "reading/case.html", context, status=status)


def _question(
    question: Any, letters: list[str], replies: dict[str, str], newer: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """A question as the template writes it: its fields with what was answered, here and on another page."""
    names = saving.fields(question, letters)
    return {
        "question": question,
        "fields": [
            {"name": name, "letter": letter, "value": replies.get(name, ""), "newer": newer.get(name)}
            for name, letter in zip(names, letters if question.kind == "ratings" else [""], strict=True)
        ],
        "steps": [str(number) for number in range(1, question.steps + 1)],
    }


def _alike(showing: Showing) -> QuerySet[Showing]:
    """The steps among which a reader sees this one counted: those for practice, or cases with repeats."""
    practice = showing.kind == Showing.Kind.PRACTICE
    kinds = [Showing.Kind.PRACTICE] if practice else [Showing.Kind.CASE, Showing.Kind.REPEAT]
    return showing.reader.showings.filter(kind__in=kinds)


@require_GET
@access.for_enrolled
def picture(request: ReaderRequest, token: str) -> HttpResponse:
    """A picture of one of the reader's own steps that are open."""
    slot = Slot.objects.select_related("showing").filter(token=token, showing__reader=request.reader).first()
    if slot is None or not saving.may_open(request.reader, slot.showing):
        raise Http404
    return HttpResponse(study.picture(masking.file_of(slot)), content_type="image/png")


@require_GET
@access.for_enrolled
def done(request: ReaderRequest) -> HttpResponse:
    """Thanks."""
    if request.reader.finished_at is None:
        return redirect("steps")
    return render(request, "reading/done.html", {"progress": saving.progress(request.reader)})
