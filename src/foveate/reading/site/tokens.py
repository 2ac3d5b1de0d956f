"""Secrets that the server hands out, and the hashes of them that it keeps."""

from __future__ import annotations

import hashlib
import secrets

_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else: no 0 O, 1 I L, no U
_GROUPS, _GROUP = 6, 4  # 24 letters of 30: 117 bits


def new() -> str:
    """256 random bits, 43 characters that stand in a URL as they are."""
    return secrets.token_urlsafe(32)


def public_id() -> str:
    """A pseudonymous id for the log: 12 hexadecimal digits."""
    return secrets.token_hex(6)


def return_code() -> str:
    """A code that a person can copy by hand: six groups of four letters, 117 random bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))


def tidied(code: str) -> str:
    """A return code as `return_code` wrote it, from what a person typed; '' where it cannot be one."""
    letters = "".join(letter for letter in code[:200].upper() if letter.isascii() and letter.isalnum())
    if len(letters) != _GROUPS * _GROUP or any(letter not in _LETTERS for letter in letters):
        return ""
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def hashed(token: str) -> str:
    """SHA-256 in hexadecimal digits: enough, since nobody can try 2**117 tokens."""
    return hashlib.sha256(token.encode()).hexdigest()
