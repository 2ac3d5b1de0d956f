"""How many readers and cases it takes: the simulation of `planning`, in numbers small enough for a web page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from foveate.errors import FoveateError
from foveate.reading import planning
from foveate.reading.answers import LETTERS
from foveate.reading.site import study
from foveate.reading.site.administrator.access import for_administrator, said

MOST_READERS, MOST_CASES, MOST_MODELS = 20, 60, len(LETTERS)
REPETITIONS, PERMUTATIONS = 200, 999  # 25 powers take half a second; at the most, with 26 models, ten
_SHARES = (0.5, 0.75, 1.0, 1.5, 2.0)  # of the number that was asked for


@dataclass(frozen=True)
class Asked:
    """The numbers of the form."""

    readers: int
    cases: int
    models: int
    win: float  # the share of choices that fall on the preferred model
    common: float  # how often a reader chooses what the case suggests to all


@require_GET
@for_administrator
def plan(request: HttpRequest) -> HttpResponse:
    """The power for a few numbers of readers and cases around those that were asked for."""
    given = {name: request.GET.get(name, own)[:20] for name, own in _own().items()}
    table, wrong = None, ""
    if request.GET:
        try:
            table = _table(_asked(given))
        except FoveateError as error:
            wrong = said(error)
    context = {
        "given": given,
        "table": table,
        "wrong": wrong,
        "most_readers": MOST_READERS,
        "most_cases": MOST_CASES,
        "most_models": MOST_MODELS,
        "repetitions": REPETITIONS,
    }
    return render(request, "reading/admin/plan.html", context, status=400 if wrong else 200)


def _own() -> dict[str, str]:
    """To begin with: this study, read by three."""
    first = study.study().datasets[0]
    return {
        "readers": "3",
        "cases": str(min(first.cases, MOST_CASES)),
        "models": str(first.models),
        "win": f"{planning.share_to_plan_for(first.models):.3g}",
        "common": "0.3",
    }


def _asked(given: Mapping[str, str]) -> Asked:
    """Raises FoveateError for numbers that are none, or out of range."""
    asked = Asked(
        _whole(given["readers"], 1, MOST_READERS, _("Readers")),
        _whole(given["cases"], 1, MOST_CASES, _("Cases")),
        _whole(given["models"], 2, MOST_MODELS, _("Models")),
        _share(given["win"], _("The share of the preferred model")),
        _share(given["common"], _("What readers have in common")),
    )
    if asked.win < 1 / asked.models:
        even = {"models": asked.models, "even": f"{1 / asked.models:.2g}"}
        raise FoveateError(_("Of %(models)s models the preferred one has a share of more than %(even)s.") % even)
    return asked


def _whole(text: str, least: int, most: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise FoveateError(
            _("%(what)s must be a whole number from %(least)s to %(most)s.")
            % {"what": what, "least": least, "most": most}
        )
    return int(text)


def _share(text: str, what: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise FoveateError(_("%(what)s must be a number from 0 to 1.") % {"what": what})
    return value


def around(number: int, most: int) -> list[int]:
    """A few numbers below and above, itself among them: 6 -> 3, 4, 6, 9, 12."""
    return sorted({min(max(1, round(number * share)), most) for share in _SHARES})


def _table(asked: Asked) -> dict[str, object]:
    """A row for each number of readers. The seed is fixed: who asks again sees the same."""
    readers, cases = around(asked.readers, MOST_READERS), around(asked.cases, MOST_CASES)
    found = planning.table(
        readers,
        cases,
        np.random.default_rng(0),
        asked.models,
        asked.win,
        asked.common,
        repetitions=REPETITIONS,
        permutations=PERMUTATIONS,
    )
    rows = []
    for own, line in zip(readers, found.power, strict=True):
        percent = [round(100 * power.estimate) for power in line]
        rows.append((own, [(value, of == asked.cases, value >= 80) for of, value in zip(cases, percent, strict=True)]))
    return {"cases": cases, "rows": rows, "asked": asked}
