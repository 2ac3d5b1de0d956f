"""What holds for the whole study: whether it may begin, and whether it is blind."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading import package
from foveate.reading.site import audit, begun, locks, study
from foveate.reading.site.models import ConsentText, StudyState

LONGEST_CONSENT = 50_000  # characters


def state() -> StudyState:
    found = StudyState.objects.first()
    if found is None:
        raise FoveateError("the study's database is empty: start `foveate reading serve` once.")
    return found


def begin(restoring: bool = False) -> None:
    """Make the rows of a new study; `restoring`: a backup takes their place next, and the study's mark is its.

    Raises FoveateError where the files are another study's or have changed, or the database is not this study's.
    """
    package.verify(study.place())
    fingerprint = package.fingerprint(study.place())
    with transaction.atomic():
        found = StudyState.objects.select_for_update().first()
        if found is None:
            if not restoring:
                begun.refuse_anew(study.place())
            found = StudyState.objects.create(pk=1, fingerprint=fingerprint)
            given = study.place() / package.CONSENT
            draft = resources.files("foveate.reading.site").joinpath("consent-draft.txt").read_text(encoding="utf-8")
            own = given.is_file()
            put_in_consent(audit.COMMAND, _text(given) if own else draft, draft=not own)
        else:
            refuse_other_files(found)
    if not restoring:
        begun.agree(study.place(), found)


def refuse_other_files(known: StudyState) -> None:
    """Raises FoveateError where the files are not those with which the study began."""
    if known.fingerprint != package.fingerprint(study.place()):
        raise FoveateError(
            f"{study.place()} holds other cases or questions than its database knows: readers would answer "
            "something else. Put the files of `create` back, or make a new study."
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FoveateError(f"cannot read {path}: {error}.") from error


def put_in_consent(actor: str, text: str, draft: bool = False) -> ConsentText:
    """The next version of the information for readers. Raises FoveateError for an unsuitable text."""
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not text or len(text) > LONGEST_CONSENT:
        raise FoveateError(f"the information for readers must have 1 to {LONGEST_CONSENT:,} characters.")
    if "DRAFT" in text and not draft:
        raise FoveateError("the information for readers still says DRAFT: put in the text that was approved.")
    with transaction.atomic():
        locks.study_changes()  # so that two at once never are the same version
        last = ConsentText.objects.order_by("-version").first()
        made = ConsentText.objects.create(
            version=last.version + 1 if last else 1,
            text=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            draft=draft,
        )
        audit.record(actor, "information put in", f"version {made.version}, sha256 {made.sha256[:16]}")
    return made


def consent() -> ConsentText:
    """The version in force."""
    found = ConsentText.objects.order_by("-version").first()
    if found is None:
        raise FoveateError("the study's database is empty: start `foveate reading serve` once.")
    return found


def confirm_sheet(actor: str) -> None:
    """A person has looked through the images and saw no names."""
    with transaction.atomic():
        if StudyState.objects.filter(sheet_confirmed_at=None).update(sheet_confirmed_at=timezone.now()):
            audit.record(actor, "contact sheet confirmed")


def obstacles() -> list[str]:
    """What must be done before readers can be invited; one sentence each."""
    found = []
    if state().sheet_confirmed_at is None:
        found.append(
            "Nobody has confirmed yet that the images show no names: look through them under Overview in the "
            "administrator's pages."
        )
    if consent().draft:
        found.append(
            "The information for readers is a DRAFT: put in the text that was approved, under Information in the "
            "administrator's pages."
        )
    if state().unblinded_at is not None:
        found.append("The study is unblinded: its answers are locked.")
    return found
