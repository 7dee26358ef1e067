"""One shard from setup to report: run the part, run once more what failed, put together what both told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shipping.testrun.incident import in_flight, judge
from shipping.testrun.report import Phases, Report
from shipping.testrun.retry import again

if TYPE_CHECKING:
    from pipeline_gen.clock import Clock
    from pipeline_gen.suites.parts import Part
    from shipping.testrun.incident import Incident
    from shipping.testrun.run import Run, Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Which part this job runs, and who it is."""

    suite: str
    number: int
    part: Part
    digest: str
    job: str
    attempt: int


def run_shard(shard: Shard, runner: Runner, clock: Clock) -> Report:
    """Run a shard's part and return its report. Raises UsageError and InfraError where the tests could not be run at all."""
    begun = clock.monotonic()
    setup = runner.set_up()
    first = runner.run(shard.part, name="first")
    _say_versions(runner, first)
    incident = judge(first, hang=runner.suite.hang)
    report = _report(shard, first, incident)
    part, why_not = again(report.results, incident)
    report = replace(report, no_retry=why_not)
    second = 0.0
    if part is not None:
        runner.say(f"running {sum(len(tests) for tests in part.dealt.values())} failed test(s) once more")
        retried = runner.run(part, name="second")
        second = retried.ended.seconds
        report = _with_second(report, retried, runner)
    spent = setup + first.ended.seconds + second
    phases = Phases(
        setup=setup, pytest=first.ended.seconds, retry=second, ship=max(0.0, clock.monotonic() - begun - spent)
    )
    return replace(report, phases=phases)


def _report(shard: Shard, run: Run, incident: Incident | None) -> Report:
    trace = run.trace
    dying = in_flight(trace, incident) if incident else []
    dealt = {test for tests in shard.part.dealt.values() for test in tests}
    collected = tuple(trace.collected)
    return Report(
        suite=shard.suite,
        shard=shard.number,
        job=shard.job,
        attempt=shard.attempt,
        digest=shard.digest,
        collected=collected,
        results=(*trace.results, *dying),
        # Only a process that collected can say that a test is gone.
        vanished=tuple(sorted(dealt - set(collected))) if trace.collections and not trace.broken else (),
        seen={file: tuple(ids) for file, ids in trace.seen.items()},
        files=trace.files,
        ignored=tuple(sorted(trace.ignored)),
        incident=incident,
        session_seconds=trace.start_seconds + trace.session_seconds,
        versions=trace.session,
    )


def _with_second(report: Report, run: Run, runner: Runner) -> Report:
    """Add the second run. What went wrong in it cannot make a first failure better, nor worse."""
    incident = judge(run, hang=runner.suite.hang)
    dying = in_flight(run.trace, incident) if incident else []
    note = f"in the second run: {incident.message}" if incident else report.no_retry
    return replace(report, retried=(*run.trace.results, *dying), no_retry=note)


def _say_versions(runner: Runner, run: Run) -> None:
    session = run.trace.session
    if not session:
        return
    lacks = [
        f"without {name}: {meaning}"
        for name, key, meaning in (("pytest-xdist", "xdist", "tests run one after another"),)
        if session.get(key) is None
    ]
    runner.say("; ".join([f"Python {session['python']}, pytest {session['pytest']}", *lacks]))
