"""Who may call what. Tokens of sessions and jobs name their owner and carry a signature: nothing to keep, nothing to guess."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipping.local.ledger.pipelines import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """``registration`` lets an agent in, ``api`` is REST's bearer token; both are drawn once per state folder."""

    registration: str
    api: str
    secret: str

    @classmethod
    def of(cls, settings: Settings) -> Tokens:
        return cls(
            registration=settings.drawn("agent_token", lambda: f"bkct_{secrets.token_urlsafe(32)}"),
            api=settings.drawn("api_token", lambda: f"bkua_{secrets.token_hex(20)}"),
            secret=settings.drawn("signing_secret", lambda: secrets.token_hex(32)),
        )

    def of_agent(self, agent_id: str) -> str:
        return self._signed("bkas", agent_id)

    def of_job(self, job_id: str) -> str:
        return self._signed("bkaj", job_id)

    def agent(self, token: str) -> str | None:
        """Return the agent whose session token this is."""
        return self._owner("bkas", token)

    def job(self, token: str) -> str | None:
        """Return the job whose token this is."""
        return self._owner("bkaj", token)

    def _signed(self, scope: str, owner: str) -> str:
        mac = hmac.new(self.secret.encode(), f"{scope}:{owner}".encode(), hashlib.sha256).hexdigest()
        return f"{scope}_{owner}_{mac}"

    def _owner(self, scope: str, token: str) -> str | None:
        found, _, rest = token.partition("_")
        owner, _, _ = rest.rpartition("_")
        return owner if found == scope and same(token, self._signed(scope, owner)) else None


def digest(token: str) -> str:
    """Return what a token made on request is kept as: the ledger holds no such token itself."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
