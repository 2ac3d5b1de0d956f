"""Where each reader stands, as the administrator sees it: how far, and never what was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from foveate.reading.site import clock, saving, study
from foveate.reading.site.models import Reader

STATES: dict[str, str | Promise] = {
    "invited": _("invited"),
    "expired": _("link expired"),
    "revoked": _("link revoked"),
    "opened": _("link used, not enrolled yet"),
    "enrolled": _("reading"),
    "finished": _("finished"),
    "withdrawn": _("withdrawn"),
}


@dataclass(frozen=True)
class Standing:
    """A reader and how far they are."""

    reader: Reader
    dataset: str  # its title
    state: str  # one of STATES
    answered: int  # cases, repeats among them
    cases: int  # 0 before they are drawn
    last: datetime | None  # when the reader was last heard of

    @property
    def said(self) -> str | Promise:
        return STATES[self.state]

    @property
    def percent(self) -> int:
        return 100 * self.answered // self.cases if self.cases else 0


def standings() -> list[Standing]:
    """All readers, by pseudonym."""
    titles = {own.name: own.title for own in study.study().datasets}
    readers = Reader.objects.annotate(
        last_saved=Max("showings__visits__saved_at"), last_link=Max("invitations__redeemed_at")
    )
    found = []
    for reader in readers.order_by("pseudonym"):
        at = saving.progress(reader)
        heard = (reader.last_saved, reader.last_link, reader.consented_at, reader.enrolled_at, reader.finished_at)
        last = max((time for time in (*heard, reader.withdrawn_at) if time is not None), default=None)
        title = titles.get(reader.dataset, reader.dataset)
        found.append(Standing(reader, title, state_of(reader), at.answered, at.cases, last))
    return found


def state_of(reader: Reader) -> str:
    """One of STATES."""
    if reader.withdrawn_at is not None:
        return "withdrawn"
    if reader.finished_at is not None:
        return "finished"
    if reader.enrolled_at is not None:
        return "enrolled"
    link = reader.invitations.order_by("-pk").first()  # the one that counts
    if link is None or link.revoked_at is not None:
        return "revoked"
    if link.redeemed_at is not None:
        return "opened"
    return "invited" if link.expires_at > timezone.now() and link.created_at <= clock.latest() else "expired"
