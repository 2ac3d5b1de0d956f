"""The same form from the same browser has one answer for some minutes; nobody else gets it, and no secret is stored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from foveate.errors import FoveateError
from foveate.reading.site import audit, enrolment, forms, tokens
from foveate.reading.site.models import Invitation, Reader, SentForm

COOKIE = "b" * 32


def sent(form: str, browser: str = COOKIE) -> HttpRequest:
    request: HttpRequest = RequestFactory().post("/", {"form": form})
    if browser:
        request.COOKIES[settings.CSRF_COOKIE_NAME] = browser
    return request


class Counted:
    """A deed that says how often it was done."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, seed: bytes) -> str | None:
        self.times += 1
        return f"done {self.times}"


def test_it_is_done_once(database: Path) -> None:
    form, act = forms.new(), Counted()
    first = forms.once(sent(form), "a deed", act)
    assert first == forms.once(sent(form), "a deed", act)
    assert (first[0], len(first[1]), act.times) == ("done 1", 32, 1)
    assert forms.came_of(sent(form), "a deed") == "done 1"


def test_what_differs_is_another_form(database: Path) -> None:
    """Another form, browser or deed: nothing of the answer is given away, not even that there was one."""
    form, act = forms.new(), Counted()
    first = forms.once(sent(form), "a deed", act)
    for request, deed in (
        (sent(forms.new()), "a deed"),
        (sent(form, "c" * 32), "a deed"),
        (sent(form), "another deed"),
    ):
        assert forms.came_of(request, deed) is None
        assert forms.once(request, deed, act)[1] != first[1]
    assert act.times == 4


@pytest.mark.parametrize("browser", [COOKIE, ""])
@pytest.mark.parametrize(
    "form", ["", "x", "x" * 43, signing.Signer(salt="other").sign("x" * 43)], ids=["none", "short", "plain", "other"]
)
def test_a_token_that_was_not_handed_out_is_not_remembered(database: Path, form: str, browser: str) -> None:
    act = Counted()
    seeds = {forms.once(sent(form, browser), "a deed", act)[1] for _ in range(2)}
    assert (act.times, len(seeds)) == (2, 2)
    assert not SentForm.objects.exists()


def test_without_a_cookie_nothing_is_remembered(database: Path) -> None:
    form, act = forms.new(), Counted()
    assert forms.once(sent(form, ""), "a deed", act)[1] != forms.once(sent(form, ""), "a deed", act)[1]
    assert not SentForm.objects.exists()


def test_it_is_forgotten_after_ten_minutes(database: Path) -> None:
    """Then the form asks anew, and gets other secrets; what is too old is removed when any form is sent."""
    form, act = forms.new(), Counted()
    first = forms.once(sent(form), "a deed", act)
    SentForm.objects.update(sent_at=timezone.now() - timedelta(minutes=9, seconds=50))
    assert forms.once(sent(form), "a deed", act) == first
    SentForm.objects.update(sent_at=timezone.now() - timedelta(minutes=10, seconds=1))
    assert forms.came_of(sent(form), "a deed") is None
    second = forms.once(sent(form), "a deed", act)
    assert second[0] == "done 2"
    assert second[1] != first[1]
    SentForm.objects.update(sent_at=timezone.now() - timedelta(minutes=11))
    forms.once(sent(forms.new()), "a deed", act)
    assert SentForm.objects.count() == 1


def test_what_was_not_done_is_not_remembered(database: Path) -> None:
    form = forms.new()

    def refuse(seed: bytes) -> str:
        raise FoveateError("not now")

    with pytest.raises(FoveateError), transaction.atomic():
        forms.once(sent(form), "a deed", refuse)
    assert forms.once(sent(form), "a deed", lambda _: None)[0] is None
    assert not SentForm.objects.exists()
    assert forms.once(sent(form), "a deed", Counted())[0] == "done 1"


def test_signing_out_forgets_what_this_browser_has_sent(database: Path) -> None:
    mine, theirs = forms.new(), forms.new()
    forms.once(sent(mine), "a deed", Counted())
    forms.once(sent(theirs, "c" * 32), "a deed", Counted())
    forms.forget(sent(""))
    assert forms.came_of(sent(mine), "a deed") is None
    assert forms.came_of(sent(theirs, "c" * 32), "a deed") == "done 1"


def test_nothing_stored_leads_to_the_secret(ready: Path) -> None:
    """What the database holds and the server's own secret are not enough: the form and the browser are missing."""
    form = forms.new()

    def act(seed: bytes) -> str:
        return enrolment.invite("reader-1", None, audit.COMMAND, 30, tokens.new(seed))[0].public_id

    number, seed = forms.once(sent(form), "invite", act)
    link = tokens.new(seed)
    assert enrolment.usable(link) == Invitation.objects.get(reader__public_id=number)
    row = SentForm.objects.get()
    stored = " ".join(str(value) for value in SentForm.objects.values_list()[0])
    for secret in (link, seed.hex(), form, form.partition(":")[0], COOKIE, "reader-1"):
        assert secret not in stored
    guesses = ["", row.name, row.browser, row.salt, *row.result.split()]
    assert seed not in {bytes.fromhex(forms._digest("secret", "invite", one, two, row.salt)) for one in guesses
                        for two in guesses}  # fmt: skip


def test_a_form_sent_again_makes_the_same_code(reader: Reader) -> None:
    """The same 32 bytes give the same code and link, others give others; each has the form of a random one."""
    one, two = bytes(range(32)), bytes(range(1, 33))
    assert tokens.return_code(one) == tokens.return_code(one) != tokens.return_code(two)
    assert tokens.tidied(tokens.return_code(one)) == tokens.return_code(one)
    assert tokens.new(one) == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"  # base64, RFC 4648, section 5
    assert tokens.return_code(bytes(31) + b"\x1f") == "3322-2222-2222-2222-2222-2222"  # 31 = 1 + 1 x 30
    assert enrolment.new_code(reader, audit.COMMAND, tokens.return_code(one)) == tokens.return_code(one)
    assert enrolment.by_code(tokens.return_code(one)) == reader
