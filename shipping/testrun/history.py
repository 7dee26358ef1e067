"""What builds teach the next ones. Written by compare-and-swap.

Main teaches durations and which tests were flaky; a branch teaches its own next build which test files failed.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError
from pipeline_gen.suites.composing import failed_key
from pipeline_gen.suites.durations import SESSION, Durations, durations_key, file_of, merge
from pipeline_gen.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline_gen.ports import VersionedStore
    from pipeline_gen.suites.parts import TestPlan
    from shipping.testrun.proof import Proof
    from shipping.testrun.report import Report

TRIES = 10
KEPT_OCCURRENCES = 20
KEPT_TESTS = 2000
MEASURED = frozenset({"passed", "xpassed", "xfailed"})


def flaky_key(app: str, suite: str) -> str:
    """Return the key of a suite's record of flaky tests."""
    return f"{app}/suites/{suite}/flaky.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a build's reports say of time: seconds by key of the durations, and the ids of each file that was run whole."""

    seconds: Mapping[str, float]
    seen: Mapping[str, frozenset[str]]


def measure(plan: TestPlan, reports: Sequence[Report]) -> Measured:
    """Read durations from the reports that count. Skipped and failed tests say nothing of how long they take."""
    seconds: dict[str, float] = {}
    seen: dict[str, set[str]] = {}
    for report in reports:
        for result in report.final.values():
            if result.outcome in MEASURED:
                seconds[result.id] = result.seconds
        for file, own in _file_costs(report).items():
            if file not in report.final:  # a file that is its own test has been measured above, or has failed
                seconds[file] = max(own, seconds.get(file, 0.0))
        for test in report.collected:
            seen.setdefault(file_of(test), set()).add(test)
        for file in report.files:
            seen.setdefault(file, set())
    shared = [report.session_seconds for report in reports if report.collected and report.incident is None]
    if shared:
        seconds[SESSION] = statistics.median(shared)
    whole = _whole_files(plan, reports)
    return Measured(seconds=seconds, seen={file: frozenset(ids) for file, ids in seen.items() if file in whole})


def remember_durations(store: VersionedStore, app: str, plan: TestPlan, reports: Sequence[Report]) -> None:
    """Merge a build of main into the suite's durations. Raises InfraError where others keep winning."""
    measured = measure(plan, reports)
    files = frozenset((*plan.files, *plan.left_out))

    def change(body: bytes | None) -> bytes:
        old = Durations.parse(body) if body is not None else Durations({})
        return merge(old, measured.seconds, seen=measured.seen, files=files).encode()

    _swap(store, durations_key(app, plan.suite), change)


def remember_flaky(store: VersionedStore, app: str, suite: str, flaky: Sequence[str], *, commit: str, at: str) -> None:
    """Add a build's flaky tests to the suite's record; the oldest occurrences are forgotten."""
    if not flaky:
        return

    def change(body: bytes | None) -> bytes:
        tests = _flaky_tests(body)
        for test in flaky:
            others = [entry for entry in tests.pop(test, []) if entry["commit"] != commit]
            tests[test] = [*others, {"commit": commit, "at": at}][-KEPT_OCCURRENCES:]
        newest = sorted(tests.items(), key=lambda pair: (pair[1][-1]["at"], pair[0]))[-KEPT_TESTS:]
        return canonical({"schema": 1, "tests": dict(newest)})

    _swap(store, flaky_key(app, suite), change)


def remember_failed(store: VersionedStore, app: str, branch: str, plan: TestPlan, proof: Proof) -> None:
    """Say which test files of a branch's last build must run again, whatever the next push changes; none if it was green."""
    named = {file_of(test) for test in (*proof.failed, *(test for flaw in proof.flaws for test in flaw.ids))}
    failed = canonical(sorted(named & set(plan.files)))
    key = failed_key(app, plan.suite, branch)
    if store.get(key) is None and proof.green:
        return
    _swap(store, key, lambda _: failed)


def flaky_history(store: VersionedStore, app: str, suite: str) -> dict[str, str]:
    """Say of each test that was flaky on main how often, and when last."""
    stored = store.get(flaky_key(app, suite))
    return {
        test: f"flaky on main {len(entries)} time{'s' if len(entries) > 1 else ''}, last on {entries[-1]['at'][:10]}"
        for test, entries in _flaky_tests(stored.body if stored else None).items()
    }


def _flaky_tests(body: bytes | None) -> dict[str, list[dict[str, Any]]]:
    if body is None:
        return {}
    tests: dict[str, list[dict[str, Any]]] = json.loads(body)["tests"]
    return tests


def _file_costs(report: Report) -> dict[str, float]:
    """Return what each file cost by itself, with its share of what is left of the shard's time when all else is taken out.

    That is pytest's bookkeeping and end, which grow with what was collected. Under xdist times overlap: nothing is left.
    """
    own = sum(report.files.values())
    if report.versions.get("workers") or report.incident is not None or own <= 0:
        return dict(report.files)
    spent = report.session_seconds + own + sum(result.seconds for result in report.results)
    factor = 1 + max(0.0, report.phases.pytest - spent) / own
    return {file: seconds * factor for file, seconds in report.files.items()}


def _whole_files(plan: TestPlan, reports: Sequence[Report]) -> set[str]:
    """Return the files of which every part came to its end, so that an id not seen is an id that is gone."""
    ended = {report.shard for report in reports if report.incident is None}
    unfinished = {file for shard, part in enumerate(plan.parts) if shard not in ended for file in part.touched}
    return set(plan.files) - unfinished


def _swap(store: VersionedStore, key: str, change: Callable[[bytes | None], bytes]) -> None:
    """Replace an object by what ``change`` makes of it, again from what another wrote where another was faster."""
    for _ in range(TRIES):
        stored = store.get(key)
        body = change(stored.body if stored else None)
        if stored and body == stored.body:
            return
        if store.replace(key, body, version=stored.version if stored else None) is not None:
            return
    raise InfraError(f"could not update {key!r}: {TRIES} times another build was faster")
