"""Tokens have the bits that they claim, and codes survive how people type."""

from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from foveate.reading.site import tokens


def test_sizes() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", tokens.new())  # 32 bytes in base 64
    assert re.fullmatch(r"[0-9a-f]{12}", tokens.public_id())
    code = tokens.return_code()
    assert re.fullmatch(r"([2-9A-HJKMNP-TV-Z]{4}-){5}[2-9A-HJKMNP-TV-Z]{4}", code)
    assert 24 * math.log2(30) > 117
    assert len({tokens.new() for _ in range(100)}) == len({tokens.return_code() for _ in range(100)}) == 100


def test_a_code_may_be_typed_in_other_ways() -> None:
    code = tokens.return_code()
    plain = code.replace("-", "")
    for typed in (code, plain, code.lower(), f"  {code.replace('-', ' ')} \n", "/".join(plain)):
        assert tokens.tidied(typed) == code


@given(st.text(max_size=300))
def test_anything_else_is_no_code(text: str) -> None:
    tidy = tokens.tidied(text)
    assert tidy == "" or re.fullmatch(r"([2-9A-Z]{4}-){5}[2-9A-Z]{4}", tidy)


def test_confusing_letters_are_not_guessed() -> None:
    assert tokens.tidied("0" * 24) == tokens.tidied("I" * 24) == tokens.tidied("Ａ" * 24) == ""


def test_hash() -> None:
    assert tokens.hashed("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4
