"""The lane: what an environment must run, who locked it, and what it was told before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from shipping.records import document

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1
# Every host reads the lane every few seconds, so it stays small whatever people write: the last transitions, as many of
# them as there is room for, with the beginning of what was said. All of it stands in the history.
MAX_BYTES = 4096
KEPT = 16
REASON = 80
ACTOR = 40

Kind = Literal["flip", "rollback", "lock", "unlock", "halt", "resume"]
_TOKEN = re.compile(r"(\d{1,10})-(\d{1,10})")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Token:
    """The fence: it grows with every transition, and who has seen a higher one refuses a lower one.

    ``epoch`` is raised by hand, where a lane has to be made anew: whatever follows is above all that hosts remember.
    """

    epoch: int = 1
    counter: int = 0

    def next(self) -> Token:
        return Token(epoch=self.epoch, counter=self.counter + 1)

    def __str__(self) -> str:
        """Return it so that texts sort as tokens do: keys are listed in their order."""
        return f"{self.epoch:010d}-{self.counter:010d}"

    @classmethod
    def parse(cls, text: str) -> Token:
        """Raises ValueError."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise ValueError(f"token {text!r}")
        return cls(epoch=int(match[1]), counter=int(match[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """The wanted release. ``position`` is its place among main's first parents; ``token`` the transition that chose it."""

    commit: str
    slug: str
    position: int
    token: Token

    def to_json(self) -> dict[str, Any]:
        return {"commit": self.commit, "slug": self.slug, "position": self.position, "token": str(self.token)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Pointer:
        return cls(
            commit=str(data["commit"]),
            slug=str(data["slug"]),
            position=int(data["position"]),
            token=Token.parse(data["token"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A human's stop. ``since`` is RFC 3339. Nothing of ours ever breaks it."""

    who: str
    why: str
    since: str

    def to_json(self) -> dict[str, str]:
        return {"who": self.who, "why": self.why, "since": self.since}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Lock:
        return cls(who=str(data["who"]), why=str(data["why"]), since=str(data["since"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change of the lane. ``id`` is its author's own, by which a write whose answer was lost is recognised.

    ``commit`` is what was wanted afterwards, None where the lane has never wanted anything.
    """

    id: str
    token: Token
    kind: Kind
    at: str
    actor: str
    reason: str
    commit: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "token": str(self.token),
            "kind": self.kind,
            "at": self.at,
            "actor": self.actor,
            "reason": self.reason,
            "commit": self.commit,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Transition:
        if data["kind"] not in get_args(Kind):
            raise ValueError(f"kind {data['kind']!r}")
        return cls(
            id=str(data["id"]),
            token=Token.parse(data["token"]),
            kind=data["kind"],
            at=str(data["at"]),
            actor=str(data["actor"]),
            reason=str(data["reason"]),
            commit=data["commit"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One environment's. ``halted`` says why hosts must not take new releases; ``floor`` is the lowest position that may run.

    ``transitions`` are the last ones, newest last.
    """

    environment: str
    token: Token = Token()
    pointer: Pointer | None = None
    lock: Lock | None = None
    halted: str | None = None
    floor: int = 0
    transitions: tuple[Transition, ...] = ()

    def has(self, transition: str) -> bool:
        """True where a transition with this id is among the last: it was won already."""
        return any(one.id == transition for one in self.transitions)

    def encode(self) -> bytes:
        return document.encode(
            SCHEMA,
            {
                "environment": self.environment,
                "token": str(self.token),
                "pointer": None if self.pointer is None else self.pointer.to_json(),
                "lock": None if self.lock is None else self.lock.to_json(),
                "halted": self.halted,
                "floor": self.floor,
                "transitions": [one.to_json() for one in self.transitions],
            },
        )

    @classmethod
    def decode(cls, body: bytes, *, where: str) -> Lane:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=f"the lane {where!r}")

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Lane:
        pointer, lock = data["pointer"], data["lock"]
        return cls(
            environment=str(data["environment"]),
            token=Token.parse(data["token"]),
            pointer=None if pointer is None else Pointer.from_json(pointer),
            lock=None if lock is None else Lock.from_json(lock),
            halted=data["halted"],
            floor=int(data["floor"]),
            transitions=tuple(Transition.from_json(one) for one in data["transitions"]),
        )
