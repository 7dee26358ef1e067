"""What the writers of a contended lane want."""

from __future__ import annotations

from shipping.lane.machine import Act, Wanted

APP, ENVIRONMENT = "contended", "us"


def act(writer: int, position: int) -> Act:
    return Act(
        id=f"w{writer}-r{position}", at="2026-01-01T00:00:00.000Z", actor=f"writer {writer}", reason=f"round {position}"
    )


def release(writer: int, position: int) -> Wanted:
    commit = f"{position:020x}{writer:020x}"
    return Wanted(commit=commit, slug=f"{position:032x}{writer:032x}", position=position)
