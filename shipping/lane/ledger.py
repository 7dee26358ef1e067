"""A lane in its bucket: changed by compare-and-swap, every transition copied into the history.

Nobody holds a lease. Who read a state that is no longer there has lost, reads again and decides again; a write whose answer
was lost is found by the transition's id. A transition is copied after it was won, and at the latest before the next one:
whoever changes the lane first writes the copy that a dead winner owes, so that none is ever missing but the newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError
from shipping.lane import keys
from shipping.records.history import Entry
from shipping.records.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline_gen.ports import VersionedStore
    from shipping.lane.machine import Act, Refusal
    from shipping.records.lane import Transition

ROUNDS = 100
"""A writer that loses this often in a row is not in a race but in a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An act that was done, now or by an earlier attempt at it."""

    lane: Lane
    transition: Transition


class Ledger:
    """One environment's lane and its history, in one store."""

    def __init__(self, store: VersionedStore, *, app: str, environment: str) -> None:
        self._store = store
        self._app = app
        self.environment = environment

    def read(self) -> Lane:
        """Return the lane; an environment that was never told anything has an empty one. Raises InfraError, Refused."""
        return self._read()[0]

    def change(
        self, act: Act, decide: Callable[[Lane], Lane | Refusal], *, hosts: Sequence[str] | None = None
    ) -> Change | Refusal:
        """Carry an act out once, however often it is attempted, and return how it ended.

        ``decide`` is asked anew after every lost race. ``hosts`` are those counted at the transition, for the history. Raises
        InfraError where the store does not answer: then the act may have been done or not, and is attempted again as it is.
        """
        for _ in range(ROUNDS):
            lane, version = self._read()
            done = next((one for one in lane.transitions if one.id == act.id), None)
            if done is None:
                decided = decide(lane)
                if not isinstance(decided, Lane):
                    return decided
                self._copy_last(lane)
                if self._store.replace(self._key, decided.encode(), version=version) is None:
                    continue
                lane, done = decided, decided.transitions[-1]
            self._copy(lane, done, hosts=hosts, reason=act.reason)
            return Change(lane=lane, transition=done)
        raise InfraError(f"could not change the lane {self._key!r}: lost {ROUNDS} races in a row")

    def history(self) -> list[Entry]:
        """Return all transitions, oldest first."""
        self._copy_last(self.read())
        prefix = keys.history(self._app, self.environment)
        found = ((key, self._store.get(key)) for key in self._store.list(prefix))
        return [Entry.decode(stored.body, where=key) for key, stored in found if stored is not None]

    @property
    def _key(self) -> str:
        return keys.lane(self._app, self.environment)

    def _read(self) -> tuple[Lane, str | None]:
        stored = self._store.get(self._key)
        if stored is None:
            return Lane(environment=self.environment), None
        return Lane.decode(stored.body, where=self._key), stored.version

    def _copy_last(self, lane: Lane) -> None:
        if lane.transitions:
            self._copy(lane, lane.transitions[-1])

    def _copy(self, lane: Lane, done: Transition, *, hosts: Sequence[str] | None = None, reason: str = "") -> None:
        """Write a transition's copy, if nobody has. Who writes it for a dead winner does not know its hosts."""
        if done != lane.transitions[-1]:
            return  # others came after it, and so wrote its copy
        entry = Entry(
            transition=done,
            pointer=lane.pointer,
            hosts=None if hosts is None else tuple(sorted(hosts)),
            reason=reason or done.reason,
        )
        self._store.create(keys.history(self._app, self.environment, done.token), entry.encode())
