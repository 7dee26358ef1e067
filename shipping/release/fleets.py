"""A deploy to hosts that our daemon runs: who is counted at the flip, and the wait until they began.

The hosts of a flip stand in its history. A retry of the job reads them there, so that it waits for the same ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_gen.errors import Refused
from shipping.fleet.inventory import open_inventory
from shipping.fleet.waiting import Wait, wait_triggered
from shipping.lane import keys
from shipping.records.history import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_gen.clock import Clock
    from pipeline_gen.config import Fleet
    from pipeline_gen.ports import VersionedStore
    from shipping.fleet.inventory import Inventory
    from shipping.fleet.waiting import Waited
    from shipping.records.lane import Token

NOBODY: tuple[str, ...] = ()


def counted(fleet: Fleet, environment: str, tagged: Callable[[str, str], Inventory]) -> tuple[str, ...]:
    """Return the hosts in service, which count at a flip. Raises Refused where there is none: that would count as a yes."""
    hosts = tuple(sorted(open_inventory(fleet, tagged).hosts()))
    if not hosts:
        tag = "=".join(fleet.tag or ())
        raise Refused(
            f"cannot deploy to {environment!r}: no host with the tag {tag!r} is in service",
            hint=f"aws ec2 describe-instances --filters Name=tag:{tag.replace('=', ',Values=', 1)}",
        )
    return hosts


def follow(
    fleet: Fleet,
    wait: Wait,
    store: VersionedStore,
    *,
    tagged: Callable[[str, str], Inventory],
    clock: Clock,
    say: Callable[[str], None],
) -> Waited:
    """Wait until the hosts counted at the flip began. ``wait`` names those of this attempt, for a flip nobody wrote them of."""
    hosts = _written(store, wait.app, wait.environment, wait.token)
    if hosts is not None:
        wait = replace(wait, hosts=hosts)
    return wait_triggered(wait, store, open_inventory(fleet, tagged), clock, say)


def _written(store: VersionedStore, app: str, environment: str, token: Token) -> tuple[str, ...] | None:
    key = keys.history(app, environment, token)
    stored = store.get(key)
    return None if stored is None else Entry.decode(stored.body, where=key).hosts
