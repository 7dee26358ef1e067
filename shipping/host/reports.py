"""What a host tells its fleet: acks of tokens, and the beacon. What could not be told is told later, and stops nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import ShipError
from shipping.lane import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_gen.ports import Stored
    from shipping.records.ack import State
    from shipping.records.beacon import Beacon
    from shipping.records.lane import Token

BEACON_SECONDS = 15 * 60
PAUSE_SECONDS = 10.0
"""After something could not be told: a bucket that is away must not hold up every turn."""


class Store(Protocol):
    """The part of a bucket in which reports lie."""

    def create(self, key: str, body: bytes) -> bool: ...

    def get(self, key: str) -> Stored | None: ...

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None: ...


class Reports:
    """One host's."""

    def __init__(self, store: Store, *, app: str, environment: str, host: str, say: Callable[[str], None]) -> None:
        self._store = store
        self._app = app
        self._environment = environment
        self._host = host
        self._say = say
        self._owed: dict[str, None] = {}
        self._silent_until = 0.0
        self._told: Beacon | None = None
        self._told_at = 0.0
        self._version: str | None = None

    def ack(self, token: Token, state: State) -> None:
        """Note that a token's state is to be told; `flush` does it."""
        self._owed[keys.acks(self._app, self._environment, token, state, self._host)] = None

    def flush(self, now: float) -> bool:
        """Tell what is owed, in its order. False: some of it could not be told, and is still owed."""
        if now < self._silent_until:
            return not self._owed
        for key in tuple(self._owed):
            try:
                self._store.create(key, b"")
            except ShipError as error:
                self._silent(error, now)
                return False
            del self._owed[key]
        return True

    def beacon(self, beacon: Beacon, now: float) -> bool:
        """Tell what runs here if that changed, or was told too long ago. Return whether it was told now."""
        news = self._told is None or replace(beacon, at=self._told.at) != self._told
        if now < self._silent_until or not (news or now - self._told_at >= BEACON_SECONDS):
            return False
        try:
            told = self._write(beacon)
        except ShipError as error:
            self._silent(error, now)
            return False
        if told:
            self._told, self._told_at = beacon, now
        return told

    def _write(self, beacon: Beacon) -> bool:
        key = keys.beacon(self._app, self._environment, self._host)
        if self._version is None:
            found = self._store.get(key)
            self._version = None if found is None else found.version
        self._version = self._store.replace(key, beacon.encode(), version=self._version)
        return self._version is not None

    def _silent(self, error: ShipError, now: float) -> None:
        self._silent_until = now + PAUSE_SECONDS
        self._say(error.message)
