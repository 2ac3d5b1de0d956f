"""What every template knows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """`reader` and `administrator`: who is signed in, or None."""
    user = getattr(request, "user", None)
    return {
        "reader": getattr(request, "reader", None),
        "administrator": user if user is not None and user.is_authenticated else None,
    }
