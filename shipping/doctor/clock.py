"""Whether this machine's clock is the servers': signatures and tokens are refused where it is not."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from shipping.doctor.finding import Finding, ok, unknown, warn, wrong

if TYPE_CHECKING:
    from pipeline_gen.clock import Clock

# Seconds. A Date header is whole seconds, and an answer is on its way for a moment.
NOTICED = 10.0
# AWS refuses a request that is signed 15 minutes off, tokens with a start of validity much earlier.
REFUSED = 300.0


def skew(clock: Clock, server: str, date: str) -> Finding:
    """Compare with the Date header of a server's answer."""
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return unknown("clock", f"{server} does not say what time it is", "nothing")
    seconds = (clock.now() - there.astimezone(UTC)).total_seconds()
    text = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {server}"
    fix = "timedatectl set-ntp true   # or whatever sets this machine's clock"
    if abs(seconds) >= REFUSED:
        return wrong("clock", text, fix)
    return warn("clock", text, fix) if abs(seconds) >= NOTICED else ok("clock", f"that of {server}")
