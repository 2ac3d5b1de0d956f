"""Which heat-map stands at which letter, masked where it is stored: the database and its backups do not tell it.

Each reader's letters are balanced, so heat-maps at one letter in four cases in a row are of four models. From the names
at the letters of three readers all heat-maps could be sorted by model, and choices counted by it, before unblinding.
"""

from __future__ import annotations

import hmac

from foveate.reading.site import seals, study
from foveate.reading.site.models import PLAIN, Showing, Slot


def new_slot(showing: Showing, letter: str, file: str) -> Slot:
    """A picture of a showing, not saved yet. Raises FoveateError where the secret is missing."""
    made = Slot(showing=showing, letter=letter, file=file)
    if letter != PLAIN:
        made.file = _masked(file, made.token)
    return made


def file_of(slot: Slot) -> str:
    """The picture is images/<file>.png. Raises FoveateError where the secret is missing.

    Slots that were made before there was a mask hold the name itself.
    """
    return slot.file if slot.letter == PLAIN or study.has_picture(slot.file) else _masked(slot.file, slot.token)


def _masked(file: str, token: str) -> str:
    """A name of 32 hexadecimal digits under a pad that is used for this token alone; twice, and it is there again."""
    pad = hmac.digest(seals.secret_for("pictures"), token.encode(), "sha256")[:16]
    return bytes(one ^ other for one, other in zip(bytes.fromhex(file), pad, strict=True)).hex()
