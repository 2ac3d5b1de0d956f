"""Rate limits: buckets of attempts for each purpose and person, in the database so that restarts do not fill them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

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
ACCOUNT = Limit("account", 30, 30)  # of an administrator, from all addresses
SAVES = Limit("saves", 60, 0.5)  # of a reader


def address(request: HttpRequest) -> str:
    """Who asks: the server resolves X-Forwarded-For from the trusted proxy alone."""
    return str(request.META.get("REMOTE_ADDR", ""))


def spend(limit: Limit, who: str) -> bool:
    """Take an attempt; False where there is none left."""
    name, now = _name(limit, who), timezone.now()
    with transaction.atomic():
        bucket, _ = Bucket.objects.select_for_update().get_or_create(
            name=name, defaults={"level": limit.size, "filled_at": now}
        )
        grown = max(0.0, (now - bucket.filled_at).total_seconds()) / limit.seconds
        level = min(float(limit.size), bucket.level + grown)
        allowed = level >= 1
        bucket.level, bucket.filled_at = level - 1 if allowed else level, now
        bucket.save()
    return allowed


def give_back(limit: Limit, who: str) -> None:
    """The attempt was a good one after all: it does not count."""
    name = _name(limit, who)
    with transaction.atomic():
        bucket = Bucket.objects.select_for_update().filter(name=name).first()
        if bucket is not None:
            bucket.level = min(float(limit.size), bucket.level + 1)
            bucket.save()


def _name(limit: Limit, who: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), f"{limit.purpose}\0{who}".encode(), hashlib.sha256).hex()
