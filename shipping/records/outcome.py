"""The outcome: how a release ended, cleared or rejected, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from shipping.records import document

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1

Result = Literal["cleared", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One conclusion about a release. ``why`` says each thing that was wrong; empty where it is cleared.

    ``build`` is the id of the build that concluded, ``at`` RFC 3339.
    """

    commit: str
    position: int
    result: Result
    why: tuple[str, ...]
    slug: str | None
    build: str
    at: str

    def encode(self) -> bytes:
        return document.encode(
            SCHEMA,
            {
                "commit": self.commit,
                "position": self.position,
                "result": self.result,
                "why": list(self.why),
                "slug": self.slug,
                "build": self.build,
                "at": self.at,
            },
        )

    @classmethod
    def decode(cls, body: bytes, *, where: str) -> Outcome:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=f"the outcome {where!r}")

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Outcome:
        if data["result"] not in get_args(Result):
            raise ValueError(f"result {data['result']!r}")
        slug = data["slug"]
        return cls(
            commit=str(data["commit"]),
            position=int(data["position"]),
            result=data["result"],
            why=tuple(str(one) for one in data["why"]),
            slug=None if slug is None else str(slug),
            build=str(data["build"]),
            at=str(data["at"]),
        )
