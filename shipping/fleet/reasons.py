"""Why hosts failed a token, in their own words: what a failed deploy has to say first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import ShipError
from shipping.fleet.waiting import some
from shipping.lane import keys
from shipping.records.beacon import Beacon

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline_gen.ports import Store
    from shipping.records.lane import Token

LONGEST = 300
ASKED = 20
"""Hosts. A release that does not start says the same on all of them."""


def reasons(store: Store, app: str, environment: str, token: Token, hosts: Iterable[str]) -> list[str]:
    """Return a line for each reason, with the hosts that gave it; the first and the last line of what they said.

    Hosts ack before they tell why: one whose beacon is of another token has not said it yet, and is left out.
    """
    found: dict[str, list[str]] = {}
    for host in sorted(hosts)[:ASKED]:
        why = _why(store, keys.beacon(app, environment, host), token)
        if why:
            found.setdefault(why, []).append(host)
    return [f"{some(named)}: {why}" for why, named in found.items()]


def _why(store: Store, key: str, token: Token) -> str:
    try:
        stored = store.get(key)
        beacon = None if stored is None else Beacon.decode(stored.body, where=key)
    except ShipError as error:  # the deploy has failed either way: its answer must not depend on this
        return error.message
    lines = beacon.why.splitlines() if beacon is not None and beacon.wanted == token else []
    return " | ".join(dict.fromkeys(line[:LONGEST] for line in (*lines[:1], *lines[-1:])))
