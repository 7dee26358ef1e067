"""When a host asks for its lane: at moments of its own, so that a fleet never asks in step."""

from __future__ import annotations

# Seconds between the beginnings of two polls. With 5,000 hosts, 6 to 7 s are 770 reads of the lane a second, and 920 in the
# busiest one of a deploy: docs/fleet.md has the arithmetic. S3 gives 5,500 for each prefix.
POLL = 6.0
JITTER = 1.0
HINT_EVERY = 4
"""Polls of the lane for one of the hint: gates take a minute, and nothing is late for being fetched 20 s later."""


def first(poll: float, chance: float) -> float:
    """Return the seconds until the first poll: daemons that are started in one second must not ask in one second."""
    return chance * poll


def rest(poll: float, chance: float, spent: float) -> float:
    """Return the seconds until the next poll, ``spent`` seconds after the last one began; ``chance`` is 0 to 1.

    Counted from where that began: a bucket that answers nobody for a while answers all at once then, and a fleet that counted
    from the answers would ask in step from there on.
    """
    period = poll + chance * JITTER * poll / POLL
    return period - spent % period
