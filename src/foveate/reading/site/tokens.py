"""Secrets that the server hands out, and the hashes of them that it keeps."""

from __future__ import annotations

import base64
import hashlib
import secrets

_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else: no 0 O, 1 I L, no U
_GROUPS, _GROUP = 6, 4  # 24 letters of 30: 117 bits


def new(seed: bytes | None = None) -> str:
    """256 random bits, 43 characters that stand in a URL as they are; from 32 secret bytes, always the same."""
    bits = secrets.token_bytes(32) if seed is None else seed
    return base64.urlsafe_b64encode(bits).rstrip(b"=").decode()


def public_id() -> str:
    """A pseudonymous id for the log: 12 hexadecimal digits."""
    return secrets.token_hex(6)


def return_code(seed: bytes | None = None) -> str:
    """A code that a person can copy by hand: six groups of four letters, 117 random bits.

    From 32 secret bytes, always the same; a remainder of 256 bits favours no code by more than 2**-138.
    """
    number = int.from_bytes(secrets.token_bytes(32) if seed is None else seed)
    letters = ""
    for _ in range(_GROUPS * _GROUP):
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return _grouped(letters)


def _grouped(letters: str) -> str:
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def tidied(code: str) -> str:
    """A return code as `return_code` wrote it, from what a person typed; '' where it cannot be one."""
    letters = "".join(letter for letter in code[:200].upper() if letter.isascii() and letter.isalnum())
    if len(letters) != _GROUPS * _GROUP or any(letter not in _LETTERS for letter in letters):
        return ""
    return _grouped(letters)


def hashed(token: str) -> str:
    """SHA-256 in hexadecimal digits: enough, since nobody can try 2**117 tokens."""
    return hashlib.sha256(token.encode()).hexdigest()
