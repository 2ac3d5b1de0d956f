"""Who may be wrong how often: failures are counted, and a right credential always passes.

Return codes have 117 random bits and links 256. They are looked up by their hash, which costs nothing, before a budget
is asked: nobody finds one by trying, so a budget only turns guessers away, and must not turn away who has a right one.

Passwords are what can be guessed, and checking one is slow on purpose. So checks take turns (turns.py). An address and
an account have some failures free; beyond them each attempt is still checked, but one a second for all who are late
together. That is 32 million a year at most, against passwords of 15 characters that are not common: 40 bits would last
17,000 years on average. The lines are short, and who finds one full is turned away unchecked; so that a flood keeps no
administrator out, browsers in which they have signed in, and the confirmations of those who are signed in, have budgets
and a line of their own (browsers.py). A new link from the command line always works.

Buckets lie in the database, so that restarts do not fill them; a full one is the same as none and is deleted.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from foveate.reading.site.models import Bucket


@dataclass(frozen=True)
class Limit:
    """`size` attempts at once, one more every `seconds`."""

    purpose: str
    size: int
    seconds: float


class TooOftenError(Exception):
    """No attempt is left."""


SIGN_IN = Limit("sign in", 10, 60)  # of an address: passwords, return codes and links that were wrong
ACCOUNT = Limit("account", 30, 30)  # of an administrator, from all addresses: wrong passwords
BROWSER = Limit("browser", 10, 60)  # of a browser in which an administrator has signed in: the same
CONFIRM = Limit("confirm", 10, 60)  # of an administrator who is signed in: the same
SAVES = Limit("saves", 60, 0.5)  # of a reader; these count whether right or wrong
_ALL_FULL = timedelta(seconds=max(own.size * own.seconds for own in (SIGN_IN, ACCOUNT, BROWSER, CONFIRM, SAVES)))


def address(request: HttpRequest) -> str:
    """Who asks; of an IPv6 address the first half, since one household or server has all of the second.

    X-Forwarded-For is here only if it came from the trusted proxy, and then holds what that one said: waitress sees to
    it. Its own reading of it takes the end of ::ffff:192.0.2.1 for a port.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR") if settings.DEPLOYMENT.trusted_proxy else None
    text = str(forwarded or request.META.get("REMOTE_ADDR", "")).strip().strip('"')
    for candidate in (text, text.strip("[]"), text.rpartition(":")[0].strip("[]")):
        try:
            own = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return str(own.ipv4_mapped or ipaddress.IPv6Address(int(own) >> 64 << 64)) if own.version == 6 else str(own)
    return text


def left(limit: Limit, who: str) -> bool:
    """Whether there is an attempt left, without taking it."""
    bucket = Bucket.objects.filter(name=_name(limit, who)).first()
    return bucket is None or _level(bucket, limit) >= 1


def _level(bucket: Bucket, limit: Limit) -> float:
    grown = max(0.0, (timezone.now() - bucket.filled_at).total_seconds()) / limit.seconds
    return min(float(limit.size), bucket.level + grown)


def spend(limit: Limit, who: str) -> bool:
    """Take an attempt; False where there is none left."""
    name, now = _name(limit, who), timezone.now()
    with transaction.atomic():
        bucket, made = Bucket.objects.select_for_update().get_or_create(
            name=name, defaults={"level": limit.size, "filled_at": now}
        )
        level = _level(bucket, limit)
        allowed = level >= 1
        bucket.level, bucket.filled_at = level - 1 if allowed else level, now
        bucket.save()
    if made:
        _forget_full_ones()
    return allowed


def _forget_full_ones() -> None:
    full = Bucket.objects.filter(filled_at__lt=timezone.now() - _ALL_FULL)
    with transaction.atomic():  # those that somebody takes from at this moment are left alone
        Bucket.objects.filter(pk__in=[own.pk for own in full.select_for_update(skip_locked=True)]).delete()


def _name(limit: Limit, who: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"{limit.purpose}\0{who}".encode(), hashlib.sha256).hex()
