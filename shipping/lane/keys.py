"""Where lanes and their history lie in an environment's bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipping.records.lane import Token


def lane(app: str, environment: str) -> str:
    """Return the key of an environment's lane. Compare-and-swap; the bucket's versions of it are the audit log."""
    return f"{app}/lanes/{environment}.json"


def history(app: str, environment: str, token: Token | None = None) -> str:
    """Return the key of the copy of one transition; without a token, the prefix of all, which lists them in their order."""
    prefix = f"{app}/history/{environment}/"
    return prefix if token is None else f"{prefix}{token}.json"
