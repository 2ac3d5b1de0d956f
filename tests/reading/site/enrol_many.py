"""Enrol many readers at once and print what their browsers would hold, as JSON: for tests under load.

python -m tests.reading.site.enrol_many OUT/reading COUNT, or with pseudonyms for their links alone; the server may run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from foveate.reading.site import deployment


def main(place: Path, count: int) -> None:
    deployment.set_up(place)
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction
    from django.utils import timezone

    from foveate.reading.site import access, audit, enrolment, middleware, saving, state
    from foveate.reading.site.models import Reader

    made = []
    with transaction.atomic():
        state.confirm_sheet(audit.COMMAND)
        for number in range(count):
            reader, _ = enrolment.invite(f"reader-{number}", None, audit.COMMAND)
            Reader.objects.filter(pk=reader.pk).update(consent=state.consent(), consented_at=timezone.now())
            enrolment.enrol(reader)
            session = SessionStore()
            session[access.READER], session[access.EPOCH] = reader.pk, reader.epoch
            session[middleware.BEGAN] = session[middleware.SEEN] = timezone.now().timestamp()
            session.save()
            page = saving.open_page(reader.showings.all()[0])
            made.append({"pseudonym": reader.pseudonym, "session": session.session_key, "page": page})
    print(json.dumps(made))


def invite(place: Path, pseudonyms: list[str]) -> None:
    """Print the tokens of the links of these readers."""
    deployment.set_up(place)
    from foveate.reading.site import audit, enrolment

    print(json.dumps({name: enrolment.invite(name, None, audit.COMMAND)[1] for name in pseudonyms}))


def expire(place: Path, pseudonym: str) -> None:
    """Let a reader's link be out of date."""
    deployment.set_up(place)
    from django.utils import timezone

    from foveate.reading.site.models import Invitation

    Invitation.objects.filter(reader__pseudonym=pseudonym).update(expires_at=timezone.now())


if __name__ == "__main__":
    if sys.argv[2] == "expire":
        expire(Path(sys.argv[1]), sys.argv[3])
    elif sys.argv[2].isdigit():
        main(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        invite(Path(sys.argv[1]), sys.argv[2:])
