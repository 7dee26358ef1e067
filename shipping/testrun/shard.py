"""One shard from setup to report: run the part, run once more what failed, put together what both told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shipping.testrun.report import Phases, Report
from shipping.testrun.retry import again

if TYPE_CHECKING:
    from pipeline_gen.clock import Clock
    from pipeline_gen.suites.parts import Part
    from shipping.testrun.ran import PartRunner, Ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Which part this job runs, and who it is."""

    suite: str
    number: int
    part: Part
    digest: str
    job: str
    attempt: int


def run_shard(shard: Shard, runner: PartRunner, clock: Clock) -> Report:
    """Run a shard's part and return its report. Raises UsageError and InfraError where the tests could not be run at all."""
    begun = clock.monotonic()
    setup = runner.set_up()
    first = runner.run_part(shard.part, name="first")
    report = _report(shard, first)
    part, why_not = again(first.results, first.incident)
    report = replace(report, no_retry=why_not)
    second = 0.0
    if part is not None:
        runner.say(f"running {sum(len(tests) for tests in part.dealt.values())} failed test(s) once more")
        retried = runner.run_part(part, name="second")
        second = retried.seconds
        report = _with_second(report, retried)
    spent = setup + first.seconds + second
    phases = Phases(setup=setup, pytest=first.seconds, retry=second, ship=max(0.0, clock.monotonic() - begun - spent))
    return replace(report, phases=phases)


def _report(shard: Shard, ran: Ran) -> Report:
    return Report(
        suite=shard.suite,
        shard=shard.number,
        job=shard.job,
        attempt=shard.attempt,
        digest=shard.digest,
        collected=ran.collected,
        results=ran.results,
        cases=ran.cases,
        vanished=ran.vanished,
        seen=ran.seen,
        files=ran.files,
        ignored=ran.ignored,
        incident=ran.incident,
        session_seconds=ran.session_seconds,
        versions=ran.versions,
    )


def _with_second(report: Report, ran: Ran) -> Report:
    """Add the second run. What went wrong in it cannot make a first failure better, nor worse."""
    note = f"in the second run: {ran.incident.message}" if ran.incident else report.no_retry
    counts = {result.id for result in ran.results if result.outcome != "skipped"}
    cases = {file: cases for file, cases in ran.cases.items() if file in counts}
    return replace(report, retried=ran.results, cases={**report.cases, **cases}, no_retry=note)
