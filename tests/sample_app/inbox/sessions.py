"""Keeps people logged in with a signed cookie: name, end, signature. Nothing is stored on the server but the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbox.storage import Database

COOKIE = "inbox_session"
LASTS = 12 * 3600


def issue(secret: bytes, name: str, *, now: float) -> str:
    """Return the cookie of a session that begins now."""
    payload = base64.urlsafe_b64encode(f"{int(now) + LASTS}:{name}".encode()).decode()
    return f"{payload}.{_signature(secret, payload)}"


def read(secret: bytes, cookie: str | None, *, now: float) -> str | None:
    """Return who the cookie belongs to, None if it is missing, forged, damaged or over."""
    payload, _, signature = (cookie or "").partition(".")
    if not hmac.compare_digest(_signature(secret, payload).encode(), signature.encode()):
        return None
    # Whatever bears our signature was written by `issue`, so it can be read.
    ends, _, name = base64.urlsafe_b64decode(payload).decode().partition(":")
    return name if now < int(ends) else None


def secret(database: Database) -> bytes:
    """Return the secret that signs sessions: made by whoever asks first, the same for every process."""
    with database.writing() as connection:
        connection.execute("INSERT OR IGNORE INTO secrets VALUES ('sessions', ?)", (secrets.token_hex(32),))
        return bytes.fromhex(connection.execute("SELECT value FROM secrets WHERE name = 'sessions'").fetchone()[0])


def _signature(secret: bytes, payload: str) -> str:
    return hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()
