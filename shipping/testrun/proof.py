"""Whether the shards' reports together are the plan: every test of it run exactly once. Pure; whoever calls it reads them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.suites.durations import file_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline_gen.suites.parts import Part, TestPlan
    from shipping.testrun.report import Report

# Tests that passed only in their second run: tolerated as long as they are few, for each one hides a real failure one day.
FLAKY_LEAST = 5
FLAKY_SHARE = 0.01
NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One reason why the suite is not proven, and the tests or files it is about."""

    what: str
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.ids:
            return self.what
        more = f" and {len(self.ids) - NAMED} more" if len(self.ids) > NAMED else ""
        return f"{self.what}: {', '.join(self.ids[:NAMED])}{more}"

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "ids": list(self.ids)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the reports of one suite show. ``flaws`` empty: every planned test ran once and passed."""

    suite: str
    shards: int
    tests: int
    flaws: tuple[Flaw, ...] = ()
    failed: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    counts: Mapping[str, int]
    predicted: float = 0.0
    longest: float = 0.0
    attempts: Mapping[int, str]

    @property
    def green(self) -> bool:
        return not self.flaws

    def to_json(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "green": self.green,
            "shards": self.shards,
            "tests": self.tests,
            "flaws": [flaw.to_json() for flaw in self.flaws],
            "failed": list(self.failed),
            "flaky": list(self.flaky),
            "vanished": list(self.vanished),
            "counts": dict(self.counts),
            "predicted": round(self.predicted, 3),
            "longest": round(self.longest, 3),
            "attempts": {str(shard): attempt for shard, attempt in self.attempts.items()},
        }


def prove(plan: TestPlan, digest: str, reports: Sequence[Report]) -> Proof:
    """Judge all reports of a suite. For each shard the one of the highest attempt counts.

    ``digest`` is the plan's: a report of another plan proves nothing. Vanished ids (in the plan, in no file any more) are
    listed; all else that is not as planned is a flaw.
    """
    counted, flaws = _of_highest_attempt(plan, reports)
    flaws += [flaw for shard, report in counted.items() for flaw in check_shard(plan, shard, report, digest)]
    flaws += _of_all(plan, counted)
    failed = [result.id for report in counted.values() for result in report.failed]
    flaky = [result.id for report in counted.values() for result in report.flaky]
    flaws += _of_results(failed, flaky, sum(len(report.collected) for report in counted.values()))
    return Proof(
        suite=plan.suite,
        shards=len(plan.parts),
        tests=sum(len(report.tests) + len(report.not_run) for report in counted.values()),
        flaws=tuple(flaws),
        failed=tuple(failed),
        flaky=tuple(flaky),
        vanished=tuple(test for report in counted.values() for test in report.vanished),
        counts=dict(sum((report.counts() for report in counted.values()), Counter())),
        predicted=plan.makespan,
        longest=max((report.phases.pytest for report in counted.values()), default=0.0),
        attempts={shard: f"{report.attempt}-{report.job}" for shard, report in counted.items()},
    )


def flaky_budget(tests: int) -> int:
    """Return how many flaky tests a suite of this size may have in one build."""
    return max(FLAKY_LEAST, int(FLAKY_SHARE * tests))


def _of_highest_attempt(plan: TestPlan, reports: Sequence[Report]) -> tuple[dict[int, Report], list[Flaw]]:
    by_shard: defaultdict[int, list[Report]] = defaultdict(list)
    flaws: list[Flaw] = []
    for report in reports:
        by_shard[report.shard].append(report)
    counted: dict[int, Report] = {}
    for shard in range(len(plan.parts)):
        found = by_shard.pop(shard, [])
        if not found:
            flaws.append(Flaw(what=f"shard {shard} has no report", ids=plan.parts[shard].touched))
            continue
        last = max(report.attempt for report in found)
        newest = [report for report in found if report.attempt == last]
        if len(newest) > 1:
            jobs = tuple(sorted(report.job for report in newest))
            flaws.append(Flaw(what=f"shard {shard} has several reports of attempt {last}, by jobs", ids=jobs))
        counted[shard] = newest[0]
    if by_shard:
        flaws.append(Flaw(what=f"reports of shards that the plan does not have: {sorted(by_shard)}"))
    return counted, flaws


def check_shard(plan: TestPlan, shard: int, report: Report, digest: str) -> Iterator[Flaw]:
    """Yield what is wrong with a shard's report, held against its part; tests that failed are not asked about."""
    part = plan.parts[shard]
    if (report.digest, report.suite) != (digest, plan.suite):
        yield Flaw(what=f"shard {shard} reports on another plan ({report.digest[:12]!r}, suite {report.suite!r})")
        return
    if report.incident is not None:
        yield Flaw(what=f"shard {shard}: {report.incident.message}", ids=report.incident.tests)
    yield from _flaw(f"shard {shard} did not run", report.not_run)
    yield from _flaw(f"shard {shard} collected twice, under one id", _repeated(report.collected))
    yield from _flaw(f"shard {shard} ran twice", _repeated([result.id for result in report.results]))
    collected = set(report.collected)
    yield from _flaw(f"shard {shard} ran without collecting", sorted(set(report.final) - collected))
    yield from _flaw(
        f"shard {shard} ran again what had not failed",
        sorted({result.id for result in report.retried} - {one.id for one in report.results if one.bad}),
    )
    yield from _flaw(
        f"shard {shard} ran what is not in its part", [test for test in report.collected if not part_runs(part, test)]
    )
    covered = set(report.files) | set(report.ignored)
    if report.incident is None:
        yield from _flaw(f"shard {shard} did not look into", [file for file in part.touched if file not in covered])
    dealt = {test for tests in part.dealt.values() for test in tests}
    unexplained = dealt - collected - set(report.vanished)
    if report.incident is None:
        yield from _flaw(f"shard {shard} lost", sorted(unexplained))


def _of_all(plan: TestPlan, counted: Mapping[int, Report]) -> Iterator[Flaw]:
    """Yield what only all reports together show: tests run by two shards, tests seen in a split file and run by none."""
    times = Counter(test for report in counted.values() for test in set(report.collected))
    yield from _flaw("more than one shard ran", sorted(test for test, count in times.items() if count > 1))
    if len(counted) < len(plan.parts) or any(report.incident for report in counted.values()):
        return  # what is missing has been named already
    seen = {test for report in counted.values() for tests in report.seen.values() for test in tests}
    yield from _flaw("no shard ran, though it is in its file", sorted(test for test in seen if test not in times))
    if not any(report.tests for report in counted.values()) and not plan.left_out and plan.files:
        yield Flaw(what="no test ran at all", ids=plan.files)


def _of_results(failed: Sequence[str], flaky: Sequence[str], tests: int) -> Iterator[Flaw]:
    yield from _flaw("failed", failed)
    budget = flaky_budget(tests)
    if len(flaky) > budget:
        yield Flaw(
            what=f"{len(flaky)} tests passed only in their second run, more than the {budget} tolerated",
            ids=tuple(flaky),
        )


def part_runs(part: Part, test: str) -> bool:
    """True where the part is the one that runs a test."""
    file = file_of(test)
    if file in part.files or test in part.dealt.get(file, ()):
        return True
    return file in part.remainder and test not in part.remainder[file]


def _repeated(tests: Sequence[str]) -> list[str]:
    return sorted(test for test, count in Counter(tests).items() if count > 1)


def _flaw(what: str, ids: Sequence[str]) -> Iterator[Flaw]:
    if ids:
        yield Flaw(what=what, ids=tuple(ids))
