"""What each environment must run, who locked it, and how the last deploy there ended. Reads, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import ShipError
from shipping.lane import keys
from shipping.records.run import Run
from shipping.release import keys as numbers

if TYPE_CHECKING:
    from pipeline_gen.ports import Store
    from shipping.lane.ledger import Ledger
    from shipping.records.lane import Lane, Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One environment. ``run`` is the deploy command's last for the wanted release; ``error`` that it could not be read."""

    environment: str
    lane: Lane | None = None
    run: Run | None = None
    error: ShipError | None = None

    @property
    def flipped(self) -> Transition | None:
        """Return the transition that chose what is wanted, None where it is too long ago for the lane to say."""
        if self.lane is None or self.lane.pointer is None:
            return None
        token = self.lane.pointer.token
        return next((one for one in self.lane.transitions if one.token == token), None)

    def to_json(self) -> dict[str, Any]:
        lane = self.lane
        return {
            "environment": self.environment,
            "error": None if self.error is None else self.error.message,
            "token": None if lane is None else str(lane.token),
            "pointer": None if lane is None or lane.pointer is None else lane.pointer.to_json(),
            "since": None if self.flipped is None else self.flipped.at,
            "lock": None if lane is None or lane.lock is None else lane.lock.to_json(),
            "halted": None if lane is None else lane.halted,
            "floor": None if lane is None else lane.floor,
            "deploy": None if self.run is None else {"status": self.run.status, "at": self.run.at},
            "transitions": [] if lane is None else [one.to_json() for one in lane.transitions],
        }


def standing(ledger: Ledger, store: Store, app: str) -> Standing:
    """Look at one environment. What cannot be read is said, and keeps nobody from looking at the others."""
    try:
        lane = ledger.read()
        return Standing(environment=ledger.environment, lane=lane, run=_last_run(store, app, lane))
    except ShipError as error:
        return Standing(environment=ledger.environment, error=error)


def _last_run(store: Store, app: str, lane: Lane) -> Run | None:
    if lane.pointer is None:
        return None
    found = list(numbers.numbered(store, keys.deploys(app, lane.environment, lane.pointer.token)).values())
    stored = store.get(found[-1]) if found else None
    return None if stored is None else Run.decode(stored.body, where=found[-1])
