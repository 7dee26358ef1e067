"""Lock and unlock environments: each lane's write alone, each environment on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, ShipError
from shipping.lane import machine
from shipping.lane.ledger import Change
from shipping.lane.machine import Locked, NothingToDo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shipping.lane.ledger import Ledger
    from shipping.lane.machine import Act, Refusal
    from shipping.records.lane import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What became of one environment. ``refused`` says why nothing was changed there, ``error`` that it could not be asked."""

    environment: str
    lane: Lane | None = None
    refused: str | None = None
    error: ShipError | None = None

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if self.error else 1 if self.refused else 0


def lock(ledgers: Sequence[Ledger], act: Act) -> list[Held]:
    """Stop deploys to these environments. One that cannot be reached does not keep the others from being stopped."""
    return [_change(ledger, act, machine.lock) for ledger in ledgers]


def unlock(ledgers: Sequence[Ledger], act: Act) -> list[Held]:
    """Let deploys to these environments go on."""
    return [_change(ledger, act, machine.unlock) for ledger in ledgers]


def _change(ledger: Ledger, act: Act, decide: Callable[[Lane, Act], Lane | Refusal]) -> Held:
    try:
        found = ledger.change(act, lambda lane: decide(lane, act))
    except ShipError as error:
        return Held(environment=ledger.environment, error=_named(error, ledger))
    if isinstance(found, Change):
        return Held(environment=ledger.environment, lane=found.lane)
    return Held(environment=ledger.environment, refused=_words(found))


def _named(error: ShipError, ledger: Ledger) -> ShipError:
    """Say that nobody knows whether it was done, where that is so."""
    if isinstance(error, InfraError):
        return InfraError(error.message, hint=f"ship status --region {ledger.environment}, then try again")
    return error


def _words(refusal: Refusal) -> str:
    if isinstance(refusal, Locked):
        lock = refusal.lock
        return f"locked already by {lock.who} since {lock.since}: {lock.why}"
    return refusal.why if isinstance(refusal, NothingToDo) else str(refusal)
