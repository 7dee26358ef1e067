"""Each host of an environment in one line: what it should run, what it runs, and what it said last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused
from shipping.fleet import acks
from shipping.lane import keys
from shipping.records.beacon import Beacon

if TYPE_CHECKING:
    from pipeline_gen.ports import Store
    from shipping.records.ack import State
    from shipping.records.lane import Lane

AT_ONCE = 16
LONGEST = 300
"""Letters of one line: a release that does not start says in its last line why, somewhere after a traceback."""
# A host that failed and tried again keeps both acks: what it came to counts, as in the count of the fleet.
_FURTHEST: tuple[State, ...] = ("complete", "failed", "serving", "triggered", "fetched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One host. ``acked`` is its furthest ack of the wanted pointer; ``runs`` and ``why`` are its own words, said at ``told``.

    ``in_service``: False for a host that speaks and is not in the inventory.
    """

    host: str
    in_service: bool
    wanted: str | None
    acked: State | None
    runs: str | None
    told: str | None
    why: str

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def view(store: Store, lane: Lane, app: str, *, in_service: frozenset[str]) -> list[Row]:
    """Return the hosts in service, and those that speak without being so, by name. Raises InfraError, UsageError."""
    prefix = keys.beacon(app, lane.environment)
    spoke = {key.removeprefix(prefix).removesuffix(".json") for key in store.list(prefix)}
    names = sorted(spoke | in_service)
    pointer = lane.pointer
    said = {} if pointer is None else acks.read(store, app, lane.environment, [pointer.token])[pointer.token]

    def row(host: str) -> Row:
        beacon, why = (
            _beacon(store, keys.beacon(app, lane.environment, host)) if host in spoke else (None, "never spoke")
        )
        return Row(
            host=host,
            in_service=host in in_service,
            wanted=None if pointer is None else pointer.commit,
            acked=next((state for state in _FURTHEST if host in said.get(state, ())), None),
            runs=None if beacon is None or beacon.runs is None else beacon.runs.commit,
            told=None if beacon is None else beacon.at,
            why=why,
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(row, names))


def words(store: Store, app: str, environment: str, host: str) -> str:
    """Return in one line what a host says of itself: what is wrong, and what it runs."""
    found, why = _beacon(store, keys.beacon(app, environment, host))
    if found is None:
        return why or "never spoke"
    lines = why.splitlines()
    first_and_last = " | ".join(dict.fromkeys(line[:LONGEST] for line in (*lines[:1], *lines[-1:])))
    runs = "nothing" if found.runs is None else found.runs.commit[:12]
    return "; ".join(part for part in (first_and_last, f"runs {runs}, said so at {found.at}") if part)


def _beacon(store: Store, key: str) -> tuple[Beacon | None, str]:
    """Read a beacon. One host's damaged words must not hide the others."""
    stored = store.get(key)
    try:
        beacon = None if stored is None else Beacon.decode(stored.body, where=key)
    except Refused as error:
        return None, error.message
    return beacon, "" if beacon is None else beacon.why
