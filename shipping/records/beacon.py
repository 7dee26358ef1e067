"""What a host runs now, in its own words. For people and for the count of a fleet; nothing is decided by it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from shipping.records import document
from shipping.records.ack import State
from shipping.records.lane import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The release that serves on a host. ``token`` is the transition that brought it."""

    commit: str
    slug: str
    token: Token

    def to_json(self) -> dict[str, str]:
        return {"commit": self.commit, "slug": self.slug, "token": str(self.token)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Runs:
        return cls(commit=str(data["commit"]), slug=str(data["slug"]), token=Token.parse(data["token"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """``runs``: None where nothing serves yet. ``wanted`` and ``reached`` say how far the host is with the lane's pointer.

    ``why`` is the reason of a failure or a refusal; ``at`` (RFC 3339) is the host's own clock, which may be wrong.
    """

    host: str
    environment: str
    runs: Runs | None
    wanted: Token | None
    reached: State | None
    why: str
    at: str

    def encode(self) -> bytes:
        return document.encode(
            SCHEMA,
            {
                "host": self.host,
                "environment": self.environment,
                "runs": None if self.runs is None else self.runs.to_json(),
                "wanted": None if self.wanted is None else str(self.wanted),
                "reached": self.reached,
                "why": self.why,
                "at": self.at,
            },
        )

    @classmethod
    def decode(cls, body: bytes, *, where: str) -> Beacon:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=f"the beacon {where!r}")

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Beacon:
        runs, wanted, reached = data["runs"], data["wanted"], data["reached"]
        if reached is not None and reached not in get_args(State):
            raise ValueError(f"state {reached!r}")
        return cls(
            host=str(data["host"]),
            environment=str(data["environment"]),
            runs=None if runs is None else Runs.from_json(runs),
            wanted=None if wanted is None else Token.parse(wanted),
            reached=reached,
            why=str(data["why"]),
            at=str(data["at"]),
        )
