"""The seconds from a merge to customers, hop by hop. Pure: what each hop's end was comes in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HOPS = (
    ("plan", "the plan", "which steps and tests it has"),
    ("slug", "the slug", "in every region's bucket"),
    ("tests-complete", "the proof", "each test ran once"),
    ("conclude", "the conclusion", "cleared for production"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """When production followed, in seconds since 1970. ``flip``: the lane wants it; ``first``: a customer was answered by it
    (None: nobody asked); ``fleet``: all groups of all hosts are its. None: it has not come to that.
    """

    flip: float | None
    first: float | None
    fleet: float | None


def hops(build: Mapping[str, Any], arrival: Arrival) -> list[str]:
    """Return a line per hop that was made: the seconds since the merge, in the order of the hops."""
    begun = datetime.fromisoformat(build["created_at"]).timestamp()
    ended = {job.get("step_key"): job["finished_at"] for job in build["jobs"] if job.get("finished_at")}
    lines = [
        _line(datetime.fromisoformat(ended[key]).timestamp() - begun, name, what)
        for key, name, what in HOPS
        if key in ended
    ]
    followed = (
        (arrival.flip, "the flip", "production wants it"),
        (arrival.first, "first request", "a customer is answered by it"),
        (arrival.fleet, "the fleet", "all hosts run it, and nothing else"),
    )
    for moment, name, what in followed:
        if moment is not None and arrival.flip is not None:
            after = f", {moment - arrival.flip:.1f} s after the flip" if moment != arrival.flip else ""
            lines.append(_line(moment - begun, name, what + after))
    return lines


def _line(seconds: float, name: str, what: str) -> str:
    return f"{seconds:6.1f} s  {name:<14}  {what}"
