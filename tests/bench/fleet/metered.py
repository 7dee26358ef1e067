"""The store as one simulated host sees it: everything that is asked is counted, and for a while nothing may be answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pipeline_gen.errors import InfraError
from shipping.host.running import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline_gen.clock import ManualClock
    from pipeline_gen.ports import Stored
    from shipping.memory import MemoryStore

PAGE = 1000


@dataclass(kw_only=True)
class Meter:
    """What was asked of the store: requests by kind, reads of the lane by second, bytes of answers, and when acks came.

    ``away`` is the time, on the clock of all hosts, until which nobody gets an answer.
    """

    requests: Counter[str] = field(default_factory=Counter)
    lane_reads: Counter[int] = field(default_factory=Counter)
    writes: Counter[int] = field(default_factory=Counter)
    bytes: int = 0
    triggered: dict[str, float] = field(default_factory=dict)
    away: float = 0.0

    def clear(self) -> None:
        self.requests, self.lane_reads, self.writes = Counter(), Counter(), Counter()
        self.bytes, self.triggered = 0, {}

    @property
    def busiest(self) -> int:
        return max(self.lane_reads.values())


@dataclass(kw_only=True)
class Metered:
    """One client's, who is counted at the time of its own clock."""

    store: MemoryStore
    meter: Meter
    clock: ManualClock
    name: str = "simulated"

    def create(self, key: str, body: bytes) -> bool:
        self._write("PUT ack" if "/acks/" in key else "PUT")
        if "/triggered/" in key:
            self.meter.triggered[key.rpartition("/")[2]] = self.clock.monotonic()
        return self.store.create(key, body)

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        self._write("PUT beacon" if "/beacons/" in key else "PUT")
        return self.store.replace(key, body, version=version)

    def get(self, key: str) -> Stored | None:
        self._ask("GET")
        found = self.store.get(key)
        self.meter.bytes += 0 if found is None else len(found.body)
        return found

    def poll(self, key: str, *, known: str | None) -> Stored | Literal["unchanged"] | None:
        lane = "/lanes/" in key
        if lane:
            self.meter.lane_reads[int(self.clock.monotonic())] += 1
        self._ask("GET lane" if lane else "GET hint")
        found = self.store.poll(key, known=known)
        self.meter.bytes += 0 if found is None or isinstance(found, str) else len(found.body)
        return found

    def size(self, key: str) -> int | None:
        self._ask("HEAD")
        return self.store.size(key)

    def open(self, key: str) -> Iterator[bytes] | None:
        self._ask("GET")
        self.meter.bytes += self.store.size(key) or 0
        return self.store.open(key)

    def list(self, prefix: str) -> Iterator[str]:
        self._ask("LIST")
        found = list(self.store.list(prefix))
        self.meter.requests["LIST"] += max(1, -(-len(found) // PAGE)) - 1
        return iter(found)

    def _write(self, kind: str) -> None:
        self.meter.writes[int(self.clock.monotonic())] += 1
        self._ask(kind)

    def _ask(self, kind: str) -> None:
        """Count a request. While the bucket is away its answer is waited for: it comes when the others' do, or never."""
        self.meter.requests[kind] += 1
        left = self.meter.away - self.clock.monotonic()
        if left > 0:
            self.clock.sleep(min(left, PATIENCE.silence))
            if left > PATIENCE.silence:
                raise InfraError("could not read: no answer")
