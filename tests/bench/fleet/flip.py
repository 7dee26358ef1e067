"""A flip, a hint and a wait, the same for simulated hosts and for real ones, and how late hosts are."""

from __future__ import annotations

import math
from statistics import mean
from typing import TYPE_CHECKING, Any

from pipeline_gen.config import FailedHosts
from shipping.fleet.waiting import Wait
from shipping.host.decide import Host, slot
from shipping.lane import keys, machine
from shipping.lane.ledger import Change, Ledger
from shipping.lane.machine import Act
from shipping.records.following import Following
from tests.shipping.host.site import ENVIRONMENT
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from pipeline_gen.ports import VersionedStore
    from shipping.lane.machine import Wanted
    from shipping.records.lane import Token


def ignore(_thing: object) -> None:
    pass


def wait(token: Token, names: tuple[str, ...], spread: float) -> Wait:
    return Wait(
        app=APP, environment=ENVIRONMENT, token=token, hosts=names, spread=spread, limit=FailedHosts(percent=1.0)
    )


def flip(store: VersionedStore, wanted: Wanted, names: tuple[str, ...]) -> Token:
    act = Act(id=f"flip-{wanted.position}", at="2026-01-01T00:00:00.000Z", actor="a bench", reason="to see")
    done = Ledger(store, app=APP, environment=ENVIRONMENT).change(
        act, lambda lane: machine.flip(lane, wanted, act), hosts=names
    )
    assert isinstance(done, Change), done
    return done.transition.token


def hint(store: VersionedStore, wanted: Wanted) -> None:
    body = Following(commit=wanted.commit, slug=wanted.slug, position=wanted.position).encode()
    assert store.replace(keys.following(APP, ENVIRONMENT), body, version=None) is not None


def lateness(seconds: dict[str, float], token: Token, *, spread: float) -> dict[str, Any]:
    """Return how long after the flip hosts began, and how long after their own moment."""
    ordered = sorted(seconds.values())
    behind = [at - slot(token, Host(name=name, spread=spread)) for name, at in seconds.items()]
    found = {
        "p50": _rank(ordered, 0.5),
        "p99": _rank(ordered, 0.99),
        "last": ordered[-1],
        "behind its moment, mean": mean(behind),
        "behind its moment, most": max(behind),
    }
    return {"hosts": len(seconds), **{name: round(value, 2) for name, value in found.items()}}


def _rank(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
