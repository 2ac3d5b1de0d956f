"""Whether a study's records are as foveate left them: the log, the readers' answers, the administrators' accounts."""

from __future__ import annotations

from collections.abc import Iterator

from foveate.reading.site import audit, erasing, log_copy, seals
from foveate.reading.site.file_checks import Finding


def sealed() -> Iterator[Finding]:
    """Whether the answers and the accounts are as this application left them."""
    if not erasing.is_finished():
        yield Finding("note", "words of an erased reader are still in the database's files, while somebody reads it")
    if not seals.exist():
        yield Finding("bad", "secrets/seals is missing, so nothing tells whether answers were altered: start `serve`")
        return
    bad = [f"the answers of {own.pseudonym} were altered outside foveate" for own in seals.altered_answers()]
    bad += [
        f"the administrator {user.get_username()} was made or altered outside foveate"
        for user in seals.altered_accounts()
    ]
    if not bad:
        yield Finding("good", "answers and administrators' accounts are as foveate stored them")
    for what in bad:
        yield Finding("bad", f"{what}: find out by whom; restore a backup")


def log() -> Iterator[Finding]:
    """Whether the log is whole: its chain, and its end by the copy of it."""
    broken, missing = audit.broken_at(), log_copy.missing()
    if broken is not None:
        yield Finding("bad", f"the log was changed at entry {broken}: find out by whom; restore a backup")
    elif missing is not None:
        yield Finding(
            "bad", f"the log lacks entry {missing.entry} ({missing.at[:10]}, {missing.action}), which "
            f"{log_copy.path()} has: find out by whom it was cut off; restore a backup"
        )  # fmt: skip
    else:
        yield Finding("good", "the log hangs together, and lacks nothing of its copy")
