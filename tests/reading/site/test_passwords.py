"""Which passwords are too easy to guess, what is said about them, and that nothing else is asked of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from foveate.errors import FoveateError
from foveate.reading.site import accounts, audit, passwords

UNIFORM = "different characters, and needs 6"
KNOWN = "too common: it stands in lists"
GUESSED = "count as one character each. Counted so it has"


def refused(password: str, name: str = "Ada") -> str:
    try:
        passwords.checked(password, User(username=name))
    except FoveateError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("a" * 14, "at least 15 characters"),
        ("aaaaaaaaaaaaaaa", UNIFORM),
        ("AaAaAaAaAaAaAaAa", UNIFORM),
        ("abcabcabcabcabcabc", UNIFORM),
        ("               ", UNIFORM),
        ("correct horse battery staple", KNOWN),
        ("Correct-Horse_Battery.Staple!", KNOWN),
        ("correcthorsebatterystaple1", KNOWN),
        ("c0rrect h0rse battery 5taple", KNOWN),
        ("correct horse battery staple correct horse battery staple", KNOWN),
        ("The quick brown fox", KNOWN),
        ("This is my password", KNOWN),
        ("passwordpassword", KNOWN),
        ("p a s s w o r d 1 2 3 4 5", KNOWN),
        ("sunshinesunshine!", KNOWN),
        ("manchesterunited", KNOWN),
        ("123456789012345", GUESSED),
        ("098765432109876", GUESSED),
        ("abcdefghijklmnop", GUESSED),
        ("qwertyuiopasdfghjkl", GUESSED),
        ("qwertzuiopasdfghjkl", GUESSED),
        ("azertyuiopqsdfghjklm", GUESSED),
        ("poiuytrewqlkjhgfdsa", GUESSED),
        ("1qaz2wsx3edc4rfv5tgb", GUESSED),
        ("1q2w3e4r5t6y7u8i9o0p", GUESSED),
        ("x7Kq!x7Kq!x7Kq!x7Kq!", GUESSED),
        ("foveate reader study 1", GUESSED),
        ("admin-admin-26-admin", GUESSED),
        ("Heads heads HEADS 26", GUESSED),  # the data set's title
        ("localhost-reading-1", GUESSED),
    ],
)
def test_what_is_easy_to_guess_is_refused_and_why(place: Path, password: str, says: str) -> None:
    assert says in refused(password)
    assert password not in refused(password)


def test_the_accounts_name_counts_for_little(place: Path) -> None:
    assert GUESSED in refused("lovelace-babbage-1843", "Babbage Lovelace") or "similar" in refused(
        "lovelace-babbage-1843", "Babbage Lovelace"
    )
    assert refused("lovelace-babbage-1843") == ""


@pytest.mark.parametrize(
    "password",
    [
        "a long and quiet sentence",
        "velvet harbour otter",  # lower case alone
        "ANVIL TEAPOT RIVER",
        "8302917465028371",  # digits alone
        "été à la plage, hier",
        "ねこがやねのうえでねむる、ごご三じ",
        "🦊🪑🌧️🧭🪕🥨🛶🧶🪴🦉🫖🧂🪁🎲🪗",
        "tjq vmkw 81 <>&\"'\\ %00",
        "answer the party letter",  # wer, rty, tt: what words are made of
        " spaces around them ",
        "qwerty velvet harbour otter 1234",  # a row spoils nothing that is long enough without it
        "x" * 3 + "velvet harbour otter" * 2,
        "vhotr " * 3 + "lantern moss",
        "Zürich-Möwe-Kübel-7",
        ("velvet otter " * 30)[:240] + "0123456789abcdef",
    ],
)
def test_everything_else_is_a_password(place: Path, password: str) -> None:
    assert refused(password) == ""


def test_from_15_to_256_characters(place: Path) -> None:
    base = "velvet otter moss lantern " * 12
    assert "at least 15" in refused("velvet otter m")
    assert refused("velvet otter mo") == ""
    assert refused(base[:256]) == ""
    assert "256 characters at most" in refused(base[:257])
    assert "256 characters at most" in refused(base * 1000)
    assert "256 characters at most" in refused("ﷺ" * 15)  # which is 18 characters each when it is written out


def test_the_same_letters_are_the_same_password_and_nothing_is_cut_off(database: Path) -> None:
    composed, apart, wide = "velvet caf\u00e9 otter", "velvet cafe\u0301 otter", "ｖｅｌｖｅｔ caf\u00e9 otter"
    accounts.set_password(accounts.new_link(audit.COMMAND), "Ada", apart)
    for password in (composed, apart, wide):
        assert accounts.right("Ada", password) is not None
    for other in (composed.upper(), composed + " ", f" {composed}", composed[:-1], ""):
        assert accounts.right("Ada", other) is None
    longest = ("velvet otter moss lantern " * 12)[:256]
    accounts.set_password(accounts.new_link(audit.COMMAND), "Eve", longest)
    assert accounts.right("Eve", longest) is not None
    assert accounts.right("Eve", longest + "x") is None


def test_every_known_passphrase_is_refused(place: Path) -> None:
    assert len(passwords.well_known()) > 150
    for form in passwords.well_known():
        assert KNOWN in refused(form.ljust(15, "1")), form


def test_forms_let_browsers_and_password_managers_help(client: Client) -> None:
    page = client.get(f"/admin/first/{accounts.new_link(audit.COMMAND)}").content.decode()
    assert 'type="password" autocomplete="new-password"' in page
    assert "Show what I type" in page
    assert "maxlength" not in page.partition('id="password"')[2].partition(">")[0]
    assert "onpaste" not in page
