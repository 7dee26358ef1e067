"""Where lanes, their history, what may be wanted and what hosts say lie in an environment's bucket."""

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


def clearance(app: str, commit: str) -> str:
    """Return the key of the record that lets a release run. Create-only, in every region's bucket."""
    return f"{app}/clearances/{commit}.json"


MOST = 9_999_999_999


def cleared(app: str, position: int | None = None, commit: str = "") -> str:
    """Return the empty key that a clearance is found by, newest first in a list; without a position, the prefix of all.

    Written after the clearance, and only a hint: who finds one reads the clearance.
    """
    prefix = f"{app}/cleared/"
    return prefix if position is None else f"{prefix}{MOST - position:010d}-{commit}"


def cleared_release(key: str) -> tuple[int, str] | None:
    """Return position and commit of a key that `cleared` made, None of any other."""
    rest, _, commit = key.rpartition("/")[2].partition("-")
    return (MOST - int(rest), commit) if rest.isdigit() and commit else None


def before(app: str, data_region: str, commit: str) -> str:
    """Return the key of the record that a release's `before` command was run on the data of these environments."""
    return f"{app}/before/{data_region}/{commit}.json"


def deploys(app: str, environment: str, token: Token, attempt: int | None = None) -> str:
    """Return the key of what the deploy command did at one token; without an attempt, the prefix of all of that token."""
    prefix = f"{app}/deploys/{environment}/{token}/"
    return prefix if attempt is None else f"{prefix}{attempt}.json"


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
