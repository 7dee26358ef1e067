"""Hashes passwords with scrypt. The cost is part of the stored text, so that it can be raised without asking anyone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

_MEMORY = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """scrypt's parameters (RFC 7914): ``n`` rounds (a power of two) over blocks of ``r``, ``p`` times."""

    n: int = 2**15
    r: int = 8
    p: int = 1


STANDARD = Cost()


class Malformed(ValueError):
    """The stored text is not one that `hash_password` writes."""


def hash_password(password: str, cost: Cost = STANDARD) -> str:
    """Return the text to store: algorithm, cost, salt and digest."""
    salt = secrets.token_bytes(16)
    return f"scrypt${cost.n}${cost.r}${cost.p}${_text(salt)}${_text(_digest(password, salt, cost))}"


def verify(password: str, stored: str) -> bool:
    """Tell whether the password is the one that was hashed, in a time that does not depend on the answer."""
    cost, salt, digest = _parse(stored)
    return hmac.compare_digest(_digest(password, salt, cost), digest)


def is_outdated(stored: str, cost: Cost = STANDARD) -> bool:
    """Tell whether the text was made at another cost than today's."""
    return _parse(stored)[0] != cost


def _digest(password: str, salt: bytes, cost: Cost) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=_MEMORY, dklen=32)


def _parse(stored: str) -> tuple[Cost, bytes, bytes]:
    try:
        algorithm, n, r, p, salt, digest = stored.split("$")
        if algorithm != "scrypt":
            raise Malformed(f"cannot verify a password hashed with {algorithm!r}")
        return Cost(n=int(n), r=int(r), p=int(p)), base64.b64decode(salt), base64.b64decode(digest)
    except ValueError as error:
        raise error if isinstance(error, Malformed) else Malformed("cannot read the stored password") from error


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
