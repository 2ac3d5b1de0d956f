"""Times that are stored, compared with now. A clock that ran ahead leaves times that are still to come."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

SLACK = timedelta(minutes=5)  # by which a clock that is kept right may be set back


def latest() -> datetime:
    """The latest time that something which has happened can bear; beyond it the clock was wrong."""
    return timezone.now() + SLACK
