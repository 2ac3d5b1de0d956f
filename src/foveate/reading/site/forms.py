"""A form that is sent again, by a double click or after its answer was lost, gets the same answer for some minutes.

What a form asks for is done once. Secrets that its answer shows, such as a return code, are not stored for that: they
are derived from what the form and the browser know together, and can be derived again only by the same two.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from foveate.reading.site import tokens
from foveate.reading.site.models import SentForm

KEPT = timedelta(minutes=10)  # in which a form may be sent again
FIELD = "form"  # of a form: its token
_SALT = "foveate.reading.form"


def new() -> str:
    """A token for the forms of a page that is handed out now: 256 random bits, signed, so that none can be chosen."""
    return signing.Signer(salt=_SALT).sign(tokens.new())


def once(
    request: HttpRequest, deed: str, act: Callable[[bytes], str | None], own: str | None = None
) -> tuple[str | None, bytes]:
    """Do what a form asks for, or find what came of it when the same browser sent the same form before.

    `act` gets 32 secret bytes, from which all secrets of the answer are made, and says in a few public words what came
    of it; None, or an exception, where nothing was done: then it is not remembered. Two at the same time wait for each
    other. `deed` names what is done, by whom and to whom; `own` is the token of a form that has one already.

    Returns what `act` said, now or then, and the same 32 bytes.
    """
    known = _known(request, own)
    if known is None:  # a page that is out of date, or a browser that keeps no cookies: done, and not remembered
        seed = secrets.token_bytes(32)
        return act(seed), seed
    with transaction.atomic():
        _sweep()
        row, first = SentForm.objects.get_or_create(
            name=_digest("name", deed, *known),
            defaults={"browser": _browser(request), "salt": tokens.new(), "sent_at": timezone.now()},
        )
        seed = bytes.fromhex(_digest("secret", deed, *known, row.salt))
        if not first:
            return row.result, seed
        result = act(seed)
        if result is None:
            row.delete()
        else:
            SentForm.objects.filter(pk=row.pk).update(result=result)
    return result, seed


def came_of(request: HttpRequest, deed: str, own: str | None = None) -> str | None:
    """What came of this form when the same browser sent it before; None where it did not."""
    known = _known(request, own)
    if known is None:
        return None
    since = timezone.now() - KEPT
    row = SentForm.objects.filter(name=_digest("name", deed, *known), sent_at__gte=since).first()
    return row.result if row else None


def forget(request: HttpRequest) -> None:
    """Answer nothing again that this browser has sent: its user has signed out."""
    SentForm.objects.filter(browser=_browser(request)).delete()


def _known(request: HttpRequest, own: str | None) -> tuple[str, str] | None:
    """What the form and the browser know, both unguessable; the browser's is the secret of its forms' CSRF tokens."""
    browser = request.COOKIES.get(settings.CSRF_COOKIE_NAME, "")
    try:
        form = own or signing.Signer(salt=_SALT).unsign(request.POST.get(FIELD, "")[:200])
    except signing.BadSignature:
        return None
    return (form, browser) if browser else None


def _browser(request: HttpRequest) -> str:
    return _digest("browser", request.COOKIES.get(settings.CSRF_COOKIE_NAME, ""))


def _sweep() -> None:
    """Remove what is too old, but for rows that another request removes at the same moment."""
    old = SentForm.objects.select_for_update(skip_locked=True).filter(sent_at__lt=timezone.now() - KEPT)
    SentForm.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()


def _digest(*parts: str) -> str:
    """Keyed with a secret that is not in the database."""
    text = "\0".join((_SALT, *parts))
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hex()
