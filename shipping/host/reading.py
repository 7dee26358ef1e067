"""What a host reads of its environment: the lane at each turn, the hint now and then. Unchanged objects cost no bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from pipeline_gen.errors import Refused
from shipping.lane import keys
from shipping.records.following import Following
from shipping.records.lane import Lane

if TYPE_CHECKING:
    from pipeline_gen.ports import Stored


class Polled(Protocol):
    """Where they are read."""

    def poll(self, key: str, *, known: str | None) -> Stored | Literal["unchanged"] | None: ...


class Reading:
    """One environment's. ``lane`` is None where there is none, and where it could not be read the last time."""

    def __init__(self, store: Polled, *, app: str, environment: str) -> None:
        self._store = store
        self._environment = environment
        self._lane_key = keys.lane(app, environment)
        self._hint_key = keys.following(app, environment)
        self._lane_version: str | None = None
        self._hint_version: str | None = None
        self.lane: Lane | None = None
        self.following: str | None = None

    def read_lane(self) -> None:
        """Raises ShipError where it cannot be read or is not this environment's; then there is none to act on."""
        known, last = self._lane_version, self.lane
        self._lane_version, self.lane = None, None
        found = self._store.poll(self._lane_key, known=known)
        if found is None:
            return
        if isinstance(found, str):
            self._lane_version, self.lane = known, last
            return
        lane = Lane.decode(found.body, where=self._lane_key)
        if lane.environment != self._environment:
            raise Refused(f"cannot follow the lane {self._lane_key!r}: it is that of {lane.environment!r}")
        self._lane_version, self.lane = found.version, lane

    def read_hint(self) -> None:
        """Raises ShipError where it cannot be read."""
        found = self._store.poll(self._hint_key, known=self._hint_version)
        if isinstance(found, str):
            return
        self.following = None if found is None else Following.decode(found.body, where=self._hint_key).slug
        self._hint_version = None if found is None else found.version
