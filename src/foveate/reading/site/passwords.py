"""What makes a password too easy to guess, beside its length: each rule says what is wrong and what would be right.

No kind of character is asked for or forbidden (OWASP ASVS 5.0, 6.2.5 and 6.2.9). A password is compared in Unicode's
form NFKC (NIST SP 800-63B), so that the same letters typed on another keyboard are the same password.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import CommonPasswordValidator, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from foveate.errors import FoveateError
from foveate.reading.site import study
from foveate.reading.site.deployment import Deployment

LONGEST = 256  # characters
FEWEST_DIFFERENT = 6  # characters in a password
FEWEST_COUNTED = 10  # characters, where runs, repeats and obvious words count as one each
_RUN = 4  # neighbours in a row that are one: "1234", but not the "wer" of "answer"
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm",
    "yxcvbnm", "qsdfghjklm", "wxcvbn", "qazwsxedcrfvtgbyhnujmikolp", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p", "!@#$%^&*()", "!\"§$%&/()=",
)  # fmt: skip
_OBVIOUS = (
    "administrator", "admin", "foveate", "hospital", "klinik", "letmein", "login", "passwort", "password", "reader",
    "reading", "secret", "study", "welcome", "willkommen",
)  # fmt: skip
_AS_DIGITS = str.maketrans("01345789@$!", "oieastbgasi")  # pa55w0rd


def normalised(password: str) -> str:
    """As passwords are stored and compared."""
    return unicodedata.normalize("NFKC", password)


def checked(password: str, user: User) -> str:
    """The password as it is stored. Raises FoveateError that says what is wrong with it and what would be right."""
    password = normalised(password[: 2 * LONGEST])
    if len(password) > LONGEST:
        raise FoveateError(_("A password has %(most)s characters at most.") % {"most": LONGEST})
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise FoveateError(" ".join(error.messages)) from error
    return password


class VarietyValidator:
    """At least a few different characters."""

    def validate(self, password: str, user: User | None = None) -> None:
        different = len(set(password.casefold()))
        if different < FEWEST_DIFFERENT:
            raise ValidationError(
                _(
                    "This password has only %(number)s different characters, and needs %(least)s: a few unrelated "
                    "words in a row are good."
                )
                % {"number": different, "least": FEWEST_DIFFERENT},
                code="password_too_uniform",
            )


class PredictableValidator:
    """Enough is left where what anybody would try counts as one character."""

    def validate(self, password: str, user: User | None = None) -> None:
        counted = len(shortened(password, context(user)))
        if counted < FEWEST_COUNTED:
            raise ValidationError(
                _(
                    "This password is easier to guess than it is long: rows such as 1234 or qwerty, repeats, the names "
                    "of you, the study and the server, and words such as password count as one character each. Counted "
                    "so it has %(number)s, and needs %(least)s: add a few unrelated words."
                )
                % {"number": counted, "least": FEWEST_COUNTED},
                code="password_predictable",
            )


class WellKnownValidator:
    """No passphrase that everybody knows, and none of the common passwords in disguise."""

    def validate(self, password: str, user: User | None = None) -> None:
        for form in {plain(password), plain(_once(password.casefold())), _once(plain(password))}:
            if form in well_known() or form in _common():
                raise ValidationError(
                    _(
                        "This password is too common: it stands in lists of passwords that programs try first. Choose "
                        "words that nobody has put together before."
                    ),
                    code="password_well_known",
                )


def shortened(password: str, words: Iterable[str] = ()) -> str:
    """A password in which rows of neighbours, repeats and these words are one character each."""
    text = password.casefold()
    for word in sorted({*words, *_OBVIOUS}, key=len, reverse=True):
        text = text.replace(word, "\0")
    return "".join(_without_runs(_once(text)))


def _once(text: str) -> str:
    """Blocks that are repeated stand once: passwordpassword -> password, ababab -> ab, aaaa -> a; tt stays."""
    return re.sub(r"(.)\1{2,}|(..)\2{2,}|(.{3,}?)\3+", lambda block: block[1] or block[2] or block[3], text)


def _without_runs(text: str) -> Iterator[str]:
    """The first character of each row of neighbours, and all others."""
    start = 0
    while start < len(text):
        yield text[start]
        length = max(_run(text[start:], row) for row in (*_ROWS, *(row[::-1] for row in _ROWS)))
        start += length if length >= _RUN else 1


def _run(text: str, row: str) -> int:
    """How many characters at the beginning of a text follow one another in a row."""
    at = row.find(text[0])
    if at < 0:
        return 0
    length = 1
    while length < len(text) and at + length < len(row) and text[length] == row[at + length]:
        length += 1
    return length


def context(user: User | None) -> set[str]:
    """Words that lie near: of the account's name, the data sets, the study's folder and the server's address."""
    own: Deployment = settings.DEPLOYMENT
    named = [user.get_username() if user else "", study.place().resolve().parent.name, *own.hosts]
    named += [text for one in study.study().datasets for text in (one.name, one.title)]
    return {word for text in named for word in re.split(r"[\W_]+", text.casefold()) if len(word) >= 4}


def plain(password: str) -> str:
    """Letters alone, without case, spaces, punctuation, digits around them, or digits in their place."""
    letters = "".join(sign for sign in password.casefold() if sign.isalnum() or sign in "@$!")
    return letters.strip("0123456789@$!").translate(_AS_DIGITS)


@cache
def well_known() -> frozenset[str]:
    text = resources.files("foveate.reading.site").joinpath("known-passwords.txt").read_text(encoding="utf-8")
    return frozenset(plain(line) for line in text.splitlines() if line and not line.startswith("#"))


@cache
def _common() -> frozenset[str]:
    """Django's list, those that are left long enough when they are made plain."""
    return frozenset(form for word in CommonPasswordValidator().passwords if len(form := plain(word)) >= 4)
