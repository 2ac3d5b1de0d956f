"""A backup put into an empty database: as it was made and no other way, with what has ended since ended again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import F, Model
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading import results
from foveate.reading.site import (
    archive,
    audit,
    backup,
    enrolment,
    log_copy,
    masking,
    restored_rows,
    saving,
    sealing,
    state,
    study,
)
from foveate.reading.site.archive import About, Archive
from foveate.reading.site.log_copy import Line
from foveate.reading.site.models import (
    PLAIN,
    AdministratorLink,
    AuditEntry,
    ConsentText,
    Invitation,
    Reader,
    Showing,
    StudyState,
)

if TYPE_CHECKING:
    from pathlib import Path

# What readers do without getting or losing a way in.
_HARMLESS = frozenset({"agreed", "returned", "finished"})


@dataclass(frozen=True)
class Restored:
    """What a restore did, for whoever asked for it."""

    about: About
    erased: list[str]  # public ids of readers that were erased since, and are again
    withdrawn: list[str]  # pseudonyms of readers that withdrew since, and are withdrawn again
    ended: list[str]  # pseudonyms of readers whose links and return codes ended
    passwords: list[str]  # administrators who need a new password
    later: int | None  # how many entries of the log are later than the backup; None: not known


def restore(path: Path, unsealed: bool = False) -> Restored:
    """Fill an empty database from a backup. `unsealed`: also from one that nobody can say was not altered.

    Raises FoveateError where the backup is another study's, a newer foveate's, altered or damaged, or the database
    holds readers already: then nothing is changed.
    """
    own = archive.read(path)
    if own.about.fingerprint != state.state().fingerprint:
        raise FoveateError(f"{path} is a backup of another reader study: its cases or questions differ from these.")
    if Reader.objects.exists() or User.objects.exists():
        raise FoveateError(
            "the database holds readers or administrators already: restore into an empty one "
            "(move database.sqlite3 away, or give an empty --database)."
        )
    if not own.is_sealed and not unsealed:
        raise FoveateError(_not_sealed(own))
    try:
        rows = restored_rows.rows(own)
        with transaction.atomic():
            return _fill(own, rows)
    except (IntegrityError, DataError, KeyError, ValueError, TypeError) as error:
        raise FoveateError(f"{path} is damaged: {' '.join(str(error).split())}.") from error


def _not_sealed(own: Archive) -> str:
    if own.seal is None:
        what = f"{own.path} has no seal: it is from before backups had one, or it was taken out."
    else:
        what = f"the seal of {own.path} is wrong: it was altered, or this is not the key's folder of its study."
    return f"{what} --unsealed restores it all the same; nothing tells then whether answers were changed."


def _fill(own: Archive, rows: list[Model]) -> Restored:
    """Put rows in place of those of a new study, in the surrounding transaction."""
    transaction.on_commit(log_copy.set_aside)
    _clear_new_study()
    for row in rows:
        row.save_base(raw=True, using="default", force_insert=True)  # times as they were
    _set_sequences()
    _check(own)
    last = AuditEntry.objects.order_by("-pk").first()
    since = log_copy.since(last.pk, last.digest) if last else None
    later = "not known what was logged later" if since is None else f"{len(since)} later entries set aside"
    audit.record(audit.COMMAND, "restored" if own.is_sealed else "restored unsealed", f"{own.about.made_at}; {later}")
    if not sealing.have_begun():  # it is from before there were seals
        sealing.seal_all()
    erased = [number for number in enrolment.erased() if Reader.objects.filter(public_id=number).exists()]
    for number in erased:
        enrolment.erase(Reader.objects.get(public_id=number), audit.COMMAND)
    withdrawn, ended = _end_again(since)
    return Restored(own.about, erased, withdrawn, ended, _end_passwords(since), None if since is None else len(since))


def _clear_new_study() -> None:
    """Remove the rows that a new database begins with; its log refuses this otherwise. No link or session stays."""
    with audit.may_be_emptied():
        AuditEntry.objects.all().delete()
    for model in (ConsentText, StudyState, AdministratorLink, Session):
        model._default_manager.all().delete()


def _set_sequences() -> None:
    """PostgreSQL counts on from where the restored rows end."""
    from django.apps import apps
    from django.core.management.color import no_style

    models = [apps.get_model(label) for label in backup.MODELS]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


# What must hold of the rows together


def _check(own: Archive) -> None:
    """Raises FoveateError where the rows are not those of a study that this application has kept."""
    readers = tuple(Reader.objects.order_by("pk").values_list("public_id", flat=True))
    if readers != own.about.readers or state.state().fingerprint != own.about.fingerprint:
        raise FoveateError(f"{own.path} is damaged: it does not hold what it says.")
    if audit.broken_at() is not None or not _has_head(own.about):
        raise FoveateError(f"{own.path} is damaged: its log does not hang together.")
    if StudyState.objects.count() != 1:
        raise ValueError("it has not exactly one state of the study")
    for user in User.objects.all():
        if user.is_superuser or user.is_staff or not re.match(r"argon2\$|!", user.password):
            raise ValueError(f"administrator {user.pk} has rights or a password that this application does not give")
    for reader in Reader.objects.all():
        _check_reader(reader)
    if results.exists(study.place()) and state.state().unblinded_at is None:
        raise FoveateError(
            f"{own.path} is from before the study was unblinded: answers that are known by model could be changed. "
            f"Move {study.place() / results.FOLDER} away if that is meant."
        )


def _has_head(about: About) -> bool:
    if not about.log_digest:
        return True
    last = AuditEntry.objects.order_by("-pk").values_list("pk", "digest").first()
    return last == (about.log_entry, about.log_digest)


def _check_reader(reader: Reader) -> None:
    study.dataset(reader.dataset)  # KeyError
    for showing in reader.showings.prefetch_related("slots", "replies"):
        where = f"step {showing.place} of reader {reader.public_id}"
        files = {slot.letter: masking.file_of(slot) for slot in showing.slots.all()}
        if (showing.kind == Showing.Kind.END) != (not showing.case) or files.get(PLAIN, "") != showing.case:
            raise ValueError(f"{where} shows something else than its case")
        if not study.has_pictures(files.values()):
            raise ValueError(f"{where} shows a picture that the study has not")
        given = {reply.question: reply.value for reply in showing.replies.all()}
        try:
            right = saving.checked(showing, given) == given
        except saving.RefusedError:
            right = False
        if not right:
            raise ValueError(f"{where} has an answer that cannot be given there")


# What has ended since the backup, by the log's copy; where that is not known, everything that lets a reader in


def _end_again(since: list[Line] | None) -> tuple[list[str], list[str]]:
    """Withdraw again who withdrew; end links and codes of those who got or lost one. Everybody's sessions end."""
    Reader.objects.update(epoch=F("epoch") + 1)
    withdrawn, ended = [], []
    for reader in Reader.objects.order_by("pk"):
        own = [line for line in since or [] if reader.public_id in (line.subject, line.actor.partition(":")[2])]
        if _withdrawn_again(reader, own):
            withdrawn.append(reader.pseudonym)
        if (since is None or any(line.action not in _HARMLESS for line in own)) and _locked_out(reader):
            ended.append(reader.pseudonym)
    return withdrawn, ended


def _withdrawn_again(reader: Reader, since: list[Line]) -> bool:
    at = next((datetime.fromisoformat(line.at) for line in since if line.action == "withdrawn"), None)
    if at is None:
        return False
    return Reader.objects.filter(pk=reader.pk, withdrawn_at=None).update(withdrawn_at=at) > 0


def _locked_out(reader: Reader) -> bool:
    """End the open links and the return code; False where there was none."""
    links = Invitation.objects.filter(reader=reader, redeemed_at=None, revoked_at=None)
    code = Reader.objects.filter(pk=reader.pk).exclude(return_code_hash=None)
    return links.update(revoked_at=timezone.now()) + code.update(return_code_hash=None) > 0


def _end_passwords(since: list[Line] | None) -> list[str]:
    """Accounts whose password or standing was changed since the backup: their passwords of then end."""
    lines = [line for line in since or [] if "password" in line.action or "account" in line.action]
    changed = {line.actor for line in lines} | {line.subject for line in lines}
    found = []
    for user in User.objects.order_by("pk"):
        if changed & {audit.administrator(user.pk), user.get_username()}:
            user.set_unusable_password()
            user.save()
            found.append(user.get_username())
    return found
