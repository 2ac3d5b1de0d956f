"""A time in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """1 second, 59 seconds, 2 minutes, 1.6 hours."""
    if seconds < 90:
        return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
