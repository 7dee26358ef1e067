"""What polling asks of a bucket in its busiest second, how late it makes hosts, and what it costs. Pure.

Each of N hosts polls every p seconds (p: the mean of `POLL` to `POLL + JITTER`) at a moment of its own, so the reads of one
second are N trials of 1/p each: mean N/p, variance N/p * (1 - 1/p). In a deploy each host also reads it when it wakes at its
own moment within the spread, and polls soon after its roll: each is half a read more. A host hears of a flip 0 to p seconds
late, and begins 0 to `spread` after that: the sum is beyond t with the probability (p + spread - t)^2 / (2 p spread).
"""

from __future__ import annotations

import math

from shipping.host.pace import JITTER, POLL

MEAN_POLL = POLL + JITTER / 2
SIGMAS = 4.0
"""A second as busy as this comes once in 30,000."""

# Of S3 Standard in us-east-1, in dollars: GET and HEAD (a 304 is one), and PUT and LIST.
READ, WRITE = 0.0004 / 1000, 0.005 / 1000
MONTH = 30 * 24 * 3600
DEPLOYS = 180 * 22


def busiest(hosts: int, spread: float, poll: float = MEAN_POLL) -> float:
    """Return the most reads of the lane in a second."""
    mean = hosts / poll + hosts / spread
    return mean + SIGMAS * math.sqrt(mean * (1 - 1 / poll))


def p99(spread: float, poll: float = POLL + JITTER) -> float:
    """Return the seconds from a flip by which 99 of 100 hosts began."""
    return poll + spread - math.sqrt(2 * poll * spread * 0.01)


def dollars(*, polls: float, acks: float, beacons: float, lists: float) -> dict[str, float]:
    """Return what a month costs: ``polls`` a second; ``acks``, ``beacons`` and ``lists`` of each deploy."""
    found = {
        "polling": polls * MONTH * READ,
        "acks": acks * DEPLOYS * WRITE,
        "beacons": beacons * DEPLOYS * WRITE,
        "lists of the wait": lists * DEPLOYS * WRITE,
    }
    return {name: round(value, 2) for name, value in found.items()}
