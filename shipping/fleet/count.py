"""Who did what with a token. Pure, and the same in whatever order acks arrive: each says what was reached for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline_gen.config import FailedHosts
    from shipping.fleet.acks import Acks
    from shipping.records.ack import State
    from shipping.records.lane import Token

GRACE = 30.0
"""Seconds beyond the spread after which a host that has said nothing is silent: five polls, and an ack that was repeated."""

Standing = Literal["complete", "serving", "triggered", "failed", "silent", "waiting", "gone"]
Verdict = Literal["triggered", "failed", "waiting", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The counted hosts of a token; each is in exactly one of these.

    ``waiting``: nothing but fetched, and not silent yet. ``gone``: no longer in service, and waited for by nobody.
    """

    token: Token
    complete: frozenset[str] = frozenset()
    serving: frozenset[str] = frozenset()
    triggered: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    @property
    def begun(self) -> frozenset[str]:
        """Return the hosts whose roll began and did not fail."""
        return self.complete | self.serving | self.triggered

    @property
    def expected(self) -> int:
        """Return how many hosts were counted and are in service still."""
        return len(self.begun) + len(self.failed) + len(self.silent) + len(self.waiting)


def count(
    token: Token, counted: Iterable[str], acks: Acks, *, in_service: frozenset[str], elapsed: float, spread: float
) -> Count:
    """Count the hosts ``counted`` at a token's flip, ``elapsed`` seconds after it.

    ``acks`` are of this token and of higher ones: a host that is past a token has done with it.
    """
    late = elapsed >= spread + GRACE
    found: dict[Standing, set[str]] = {}
    for host in counted:
        standing = "gone" if host not in in_service else _standing(host, token, acks, late=late)
        found.setdefault(standing, set()).add(host)
    return Count(token=token, **{standing: frozenset(hosts) for standing, hosts in found.items()})


def judge(found: Count, limit: FailedHosts) -> Verdict:
    """Tell whether enough hosts began. No host at all is no answer, and no answer is not a yes."""
    if len(found.failed) + len(found.silent) > limit.among(found.expected):
        return "failed"
    if found.expected == 0:
        return "empty"
    return "waiting" if found.waiting else "triggered"


def _standing(host: str, token: Token, acks: Acks, *, late: bool) -> Standing:
    said = {one: _states(host, one, acks) for one in acks if one >= token}
    reached: set[State] = set().union(*said.values())
    if "complete" in reached:
        return "complete"  # an earlier failure was overcome: hosts try again, and acks are never taken back
    acted = [one for one, states in said.items() if states - {"fetched"}]
    if acted and "failed" in said[max(acted)]:
        return "failed"
    if "serving" in reached:
        return "serving"
    if "triggered" in reached:
        return "triggered"
    return "silent" if late and not reached else "waiting"


def _states(host: str, token: Token, acks: Acks) -> set[State]:
    return {state for state, hosts in acks[token].items() if host in hosts}
