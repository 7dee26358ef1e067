"""What a team's own command did: a `before` in a data region, a deploy at one token of a lane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shipping.records import document

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run that came to its end. ``status`` is the exit status, negative where a signal ended it.

    ``floor``: the command said that no release before this one can run any more.
    """

    commit: str
    status: int
    at: str
    seconds: float
    build: str
    floor: bool = False

    def encode(self) -> bytes:
        return document.encode(
            SCHEMA,
            {
                "commit": self.commit,
                "status": self.status,
                "at": self.at,
                "seconds": round(self.seconds, 3),
                "build": self.build,
                "floor": self.floor,
            },
        )

    @classmethod
    def decode(cls, body: bytes, *, where: str) -> Run:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=f"the run {where!r}")

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Run:
        return cls(
            commit=str(data["commit"]),
            status=int(data["status"]),
            at=str(data["at"]),
            seconds=float(data["seconds"]),
            build=str(data["build"]),
            floor=bool(data.get("floor", False)),
        )
