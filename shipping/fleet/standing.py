"""How far a fleet is with what its lane wants: counted by lists, and in their own words only the hosts that are not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import ShipError
from shipping.fleet import acks
from shipping.fleet.count import count
from shipping.fleet.view import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline_gen.config import Fleet
    from pipeline_gen.ports import Store
    from shipping.fleet.count import Count
    from shipping.fleet.inventory import Inventory
    from shipping.records.lane import Lane, Token

MOST_WORDS = 10
"""Hosts whose beacon is read: one GET each. Of a thousand that failed, the first ten say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """The counted hosts of the wanted release. ``why``: what those say that failed or are late or silent.

    ``unasked``: why nobody knows which are in service; then all that were counted are taken to be. ``allowed`` may fail.
    """

    count: Count
    allowed: int
    why: Mapping[str, str]
    unasked: str = ""

    def to_json(self) -> dict[str, Any]:
        found = self.count
        lists = {name: sorted(getattr(found, name)) for name in ("failed", "silent", "waiting", "gone")}
        numbers = {name: len(getattr(found, name)) for name in ("complete", "serving", "triggered")}
        told = {"counted": found.expected + len(found.gone), "allowed": self.allowed, **numbers, **lists}
        return {**told, "why": dict(self.why), "unasked": self.unasked or None}


def look(
    store: Store,
    lane: Lane,
    app: str,
    token: Token,
    fleet: Fleet,
    *,
    counted: Iterable[str] | None,
    inventory: Inventory,
    elapsed: float,
) -> Hosts:
    """Count the hosts ``counted`` at a token's flip, ``elapsed`` seconds ago; None: nobody wrote them down, those in service.

    Raises InfraError where the store does not answer, or nobody can say which hosts there are.
    """
    unasked = ""
    try:
        in_service = inventory.hosts()
    except ShipError as error:
        if counted is None:
            raise
        in_service, unasked = frozenset(counted), error.message
    said = acks.read(store, app, lane.environment, acks.since(lane, token))
    names = in_service if counted is None else counted
    found = count(token, names, said, in_service=in_service, elapsed=elapsed, spread=fleet.spread)
    troubled = sorted(found.failed | found.silent | found.waiting)[:MOST_WORDS]
    why = {host: words(store, app, lane.environment, host) for host in troubled}
    return Hosts(count=found, allowed=fleet.failed_hosts.among(found.expected), why=why, unasked=unasked)
