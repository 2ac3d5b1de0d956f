"""Answers into the database: a page that is older than what is stored replaces nothing in silence.

Each page says which revision of every answer it was made with. What another page has saved since then is kept, and
whoever sent something else is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from foveate.reading.site.models import Reply, Showing

Revisions = dict[str, int]  # by field; an answer that was never given has none
_LONGEST = 20_000  # characters: 26 ratings of each of 20 questions, and more
_KNOWN = re.compile(r"([a-z0-9_.A-Z]{1,40}):([0-9]{1,10})")


@dataclass(frozen=True)
class Newer:
    """An answer that another page saved after the page that now sends another one was made."""

    value: str
    revision: int


@dataclass
class Saved:
    """What became of a save, answer by answer."""

    stored: bool = False  # something new; not where the same or a later save of this page had arrived before
    revisions: Revisions = field(default_factory=dict)  # of the answers that stand now as they were sent
    conflicts: dict[str, Newer] = field(default_factory=dict)  # what another page saved, and is kept


def revisions(showing: Showing) -> Revisions:
    """Of all that is stored for a step."""
    return dict(Reply.objects.filter(showing=showing).values_list("question", "revisions"))


def written(known: Mapping[str, int]) -> str:
    """What a page carries: `choice:1 description:3`."""
    return " ".join(f"{name}:{number}" for name, number in known.items())


def read(text: str) -> Revisions:
    """What a page was made with. Raises ValueError for what no page carried."""
    if len(text) > _LONGEST:
        raise ValueError("the page's list of revisions was changed")
    found = {}
    for word in text.split():
        match = _KNOWN.fullmatch(word)
        if match is None:
            raise ValueError("the page's list of revisions was changed")
        found[match[1]] = int(match[2])
    return found


def store(
    showing: Showing,
    known: dict[str, Reply],
    page: str,
    answers: Mapping[str, str],
    sequence: int,
    now: datetime,
    base: Mapping[str, int],
) -> Saved:
    """Store what a page sends as its save of this number, in the transaction that surrounds it.

    `known`: the replies of the step by question, to which new ones are added.
    """
    saved = Saved()
    for name, value in answers.items():
        reply = known.get(name) or Reply(
            showing=showing, question=name, page=page, sequence=-1, revisions=0, first_saved_at=now, saved_at=now
        )
        if _is_newer(reply, page, base) and reply.value != value:
            saved.conflicts[name] = Newer(reply.value, reply.revisions)
            continue
        if sequence > reply.sequence or page != reply.page:
            saved.stored |= _replace(reply, value, page, sequence, now)
            if reply.revisions:
                known[name] = reply
        saved.revisions[name] = reply.revisions
    return saved


def _is_newer(reply: Reply, page: str, base: Mapping[str, int]) -> bool:
    """Whether a page does not know this answer. Its own it knows, also where the response to it was lost."""
    return reply.page != page and reply.revisions != base.get(reply.question, 0)


def _replace(reply: Reply, value: str, page: str, sequence: int, now: datetime) -> bool:
    """Note the page's word; whether it is another one than before."""
    changed = reply.value != value
    if changed:
        reply.value, reply.saved_at, reply.revisions = value, now, reply.revisions + 1
    reply.page, reply.sequence = page, sequence
    if reply.revisions:  # nothing is stored of a question that was never answered
        reply.save()
    return changed
