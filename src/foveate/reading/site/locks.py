"""What must not happen at the same time. SQLite's immediate transactions follow one another anyway."""

from __future__ import annotations

from django.db import connection

_ANSWERS, _STUDY = 20210915, 20210916


def answers_may_change() -> None:
    """Hold off `answers_stay` until the surrounding transaction ends."""
    _take("pg_advisory_xact_lock_shared", _ANSWERS)


def answers_stay() -> None:
    """Wait for all who are saving, and hold off others until the surrounding transaction ends."""
    _take("pg_advisory_xact_lock", _ANSWERS)


def study_changes() -> None:
    """Hold off others who give the next pseudonym or version, until the surrounding transaction ends."""
    _take("pg_advisory_xact_lock", _STUDY)


def _take(function: str, lock: int) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [lock])
