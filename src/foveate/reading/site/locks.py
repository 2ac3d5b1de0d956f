"""What must not happen at the same time. SQLite's immediate transactions follow one another anyway."""

from __future__ import annotations

from django.db import connection

_ANSWERS = 20210915


def answers_may_change() -> None:
    """Hold off `answers_stay` until the surrounding transaction ends."""
    _take("pg_advisory_xact_lock_shared")


def answers_stay() -> None:
    """Wait for all who are saving, and hold off others until the surrounding transaction ends."""
    _take("pg_advisory_xact_lock")


def _take(function: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_ANSWERS])
