"""When seals begin: once in a study's life, so that what was altered later is never sealed."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from foveate.reading.site import audit, log_copy, seals
from foveate.reading.site.models import AuditEntry, Reader

BEGUN = "records sealed"  # in the log


def begin() -> None:
    """Seal what is there already, unless the log or its copy outside the database says that this was done."""
    if not have_begun() and not any(line.action == BEGUN for line in log_copy.read().values()):
        seal_all()


def have_begun() -> bool:
    return AuditEntry.objects.filter(action=BEGUN).exists()


def seal_all() -> None:
    """Seal everything as it is. The caller knows that nothing was sealed before."""
    with transaction.atomic():
        for reader in Reader.objects.exclude(enrolled_at=None):
            seals.seal_answers(reader)
        for user in User.objects.all():
            seals.seal_account(user)
        audit.record(audit.COMMAND, BEGUN)
