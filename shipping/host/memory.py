"""What must outlive the daemon, in one small file that is replaced by rename.

Times are the machine's monotonic clock, which no correction moves; it begins anew with each boot, and so do they.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from pipeline_gen.errors import InfraError, UsageError
from pipeline_gen.wire import canonical
from shipping.records.ack import State
from shipping.records.beacon import Runs
from shipping.records.lane import Token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = 1
UNTOLD = Token()
REMEMBERED = 64
"""Former releases. At 20 deploys an hour this is three hours, and retention never looks further back than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A release that served here: until when, and for how many seconds."""

    slug: str
    until: float
    served: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """``seen``: the highest token of any lane that was read: a lower one is refused. ``boot``: which boot the times belong to.

    ``token``: the pointer's that the host works on, first seen at ``since``; ``reached``: how far it came with it, and ``why``
    it failed. ``runs`` serves since ``running_since``; ``former`` served before, newest last.
    """

    boot: str
    seen: Token = UNTOLD
    token: Token | None = None
    since: float = 0.0
    reached: tuple[State, ...] = ()
    why: str = ""
    runs: Runs | None = None
    running_since: float = 0.0
    former: tuple[Former, ...] = ()

    def saw(self, lane: Token, pointer: Token | None, now: float) -> Memory:
        """Remember a lane's token, and begin anew with a pointer that was not seen yet."""
        after = replace(self, seen=max(self.seen, lane))
        if pointer is None or pointer == self.token:
            return after
        return replace(after, token=pointer, since=now, reached=(), why="")

    def came(self, state: State, why: str = "") -> Memory:
        """Remember a state that was reached with the token at hand. A new attempt, and its success, end an earlier failure."""
        gone = {"triggered": {"failed"}, "complete": {"failed"}}.get(state, set())
        reached = tuple(one for one in self.reached if one != state and one not in gone)
        return replace(self, reached=(*reached, state), why=why)

    def serves(self, runs: Runs, now: float) -> Memory:
        """Remember that a release serves, and what served before it."""
        before = self.runs
        former = self.former
        if before is not None and before.slug != runs.slug:
            former = (*former, Former(slug=before.slug, until=now, served=now - self.running_since))[-REMEMBERED:]
        since = self.running_since if before is not None and before.slug == runs.slug else now
        return replace(self, runs=runs, running_since=since, former=former)

    def after_boot(self, boot: str, now: float) -> Memory:
        """Carry over what another boot left: tokens and order stay, its times mean nothing and become ``now``."""
        if boot == self.boot:
            return self
        former = tuple(replace(one, until=now) for one in self.former)
        return replace(self, boot=boot, since=now, running_since=now, former=former)

    def encode(self) -> bytes:
        return canonical(
            {
                "schema": SCHEMA,
                "boot": self.boot,
                "seen": str(self.seen),
                "token": None if self.token is None else str(self.token),
                "since": self.since,
                "reached": list(self.reached),
                "why": self.why,
                "runs": None if self.runs is None else self.runs.to_json(),
                "running_since": self.running_since,
                "former": [[one.slug, one.until, one.served] for one in self.former],
            }
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Memory:
        """Raises ValueError, KeyError or TypeError where it is not a memory."""
        if any(state not in get_args(State) for state in data["reached"]):
            raise ValueError(f"states {data['reached']!r}")
        return cls(
            boot=str(data["boot"]),
            seen=Token.parse(data["seen"]),
            token=None if data["token"] is None else Token.parse(data["token"]),
            since=float(data["since"]),
            reached=tuple(data["reached"]),
            why=str(data["why"]),
            runs=None if data["runs"] is None else Runs.from_json(data["runs"]),
            running_since=float(data["running_since"]),
            former=tuple(Former(slug=str(a), until=float(b), served=float(c)) for a, b, c in data["former"]),
        )


def load(file: Path, *, boot: str) -> Memory:
    """Read the memory as it was left; a host without one begins with nothing, in this ``boot``. Raises UsageError, InfraError.

    A damaged memory is not begun anew: with it the host would forget which tokens it must refuse.
    """
    try:
        body = file.read_bytes()
    except FileNotFoundError:
        return Memory(boot=boot)
    except OSError as error:
        raise InfraError(f"could not read {str(file)!r}: {error.strerror}") from error
    hint = f"if this host may take whatever its lane wants now: rm {file}"
    try:
        data = json.loads(body)
        if int(data["schema"]) > SCHEMA:
            raise UsageError(
                f"cannot read {str(file)!r}: it has schema {data['schema']}, this ship knows up to {SCHEMA}",
                hint="update ship on this machine",
            )
        return Memory.from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"cannot use {str(file)!r}: it is damaged ({type(error).__name__}: {error})", hint=hint
        ) from error


def save(file: Path, memory: Memory) -> None:
    """Replace the memory by rename, so that it is the old one or the new one after a power cut too. Raises OSError."""
    unfinished = file.with_suffix(".tmp")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(memory.encode())
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
