"""Where lanes, their history and what hosts say to them lie in an environment's bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipping.records.ack import State
    from shipping.records.lane import Token


def lane(app: str, environment: str) -> str:
    """Return the key of an environment's lane. Compare-and-swap; the bucket's versions of it are the audit log."""
    return f"{app}/lanes/{environment}.json"


def history(app: str, environment: str, token: Token | None = None) -> str:
    """Return the key of the copy of one transition; without a token, the prefix of all, which lists them in their order."""
    prefix = f"{app}/history/{environment}/"
    return prefix if token is None else f"{prefix}{token}.json"


def following(app: str, environment: str) -> str:
    """Return the key of the hint that hosts fetch by."""
    return f"{app}/next/{environment}.json"


def acks(app: str, environment: str, token: Token, state: State, host: str = "") -> str:
    """Return the key of a host's ack; without a host, the prefix of all, which one LIST per 1,000 hosts counts."""
    return f"{app}/acks/{environment}/{token}/{state}/{host}"


def beacon(app: str, environment: str, host: str = "") -> str:
    """Return the key of what a host runs; without a host, the prefix of all."""
    prefix = f"{app}/beacons/{environment}/"
    return f"{prefix}{host}.json" if host else prefix
