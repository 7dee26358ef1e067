"""The durations that a repository commits, refreshed from a proven build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.suites.durations import SESSION, Durations, file_of, merge
from shipping.testrun.history import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.testrun.proven import Proven


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The new document, and what is other in it: tests that came, tests that are gone."""

    durations: Durations
    came: tuple[str, ...]
    gone: tuple[str, ...]
    measured: int


def refresh(old: Durations, proven: Proven, exists: Callable[[str], bool]) -> Refreshed:
    """Take a build's measurements into the committed durations.

    Tests that were not found in a file that was run whole are gone, and so are all of a file that is in no plan and does not
    exist. What the other suites, or another app of the repository, have in the file stays.
    """
    seconds: dict[str, float] = {}
    seen: dict[str, frozenset[str]] = {}
    for suite, reports in proven.reports.items():
        measured = measure(proven.plan.suites[suite], reports)
        # What every part pays once is one entry for the whole file: the dearest suite's.
        shared = max(measured.seconds.get(SESSION, 0.0), seconds.get(SESSION, 0.0))
        seconds |= {**measured.seconds, SESSION: shared}
        seen |= measured.seen
    planned = {file for plan in proven.plan.suites.values() for file in (*plan.files, *plan.left_out)}
    kept = {file for file in map(file_of, old.seconds) if file not in planned and exists(file)}
    new = merge(old, seconds, seen=seen, files=planned | kept)
    before, after = _tests(old), _tests(new)
    return Refreshed(
        durations=new,
        came=tuple(sorted(after - before)),
        gone=tuple(sorted(before - after)),
        measured=sum("::" in key for key in seconds),
    )


def _tests(durations: Durations) -> frozenset[str]:
    """Return the test ids, and the files that are tests themselves: those of suites whose runner knows no ids."""
    files = durations.tests()
    return frozenset(key for key in durations.seconds if "::" in key or (key != SESSION and key not in files))
