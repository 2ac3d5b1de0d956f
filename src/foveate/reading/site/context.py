"""What every template knows."""

from __future__ import annotations

from typing import Any

from django.db.utils import DatabaseError
from django.http import HttpRequest

from foveate.reading.site import forms


def page(request: HttpRequest) -> dict[str, Any]:
    """`reader` and `administrator`: who is signed in, or None; `form`: the token of the forms of this page."""
    user = getattr(request, "user", None)
    try:
        administrator = user if user is not None and user.is_authenticated else None
    except DatabaseError:  # the page is about just that
        administrator = None
    return {"reader": getattr(request, "reader", None), "administrator": administrator, "form": forms.new}
