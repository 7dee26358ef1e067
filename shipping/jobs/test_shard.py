"""`ship job test-shard`: run this job's part of a suite and leave its report beside the plan."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config.runners import COMMAND
from pipeline_gen.errors import InfraError, UsageError
from shipping.jobs.planned import attempt, known_flaky, must_be_checked_out, planned, tell
from shipping.processes import ProcessTree, agent_of, exit_on_sigterm
from shipping.testrun.annotation import shard_annotation, shard_context
from shipping.testrun.command import CommandParts
from shipping.testrun.junit import junit
from shipping.testrun.proof import check_shard
from shipping.testrun.pytest_part import PytestParts
from shipping.testrun.report import report_key
from shipping.testrun.run import Runner
from shipping.testrun.shard import Shard, run_shard

if TYPE_CHECKING:
    from pipeline_gen.config import Suite
    from pipeline_gen.suites.parts import TestPlan
    from shipping.jobs.context import JobContext
    from shipping.jobs.planned import Planned
    from shipping.testrun.proof import Flaw
    from shipping.testrun.ran import PartRunner
    from shipping.testrun.report import Report

TESTS_FAILED = 1


def run(context: JobContext) -> int:
    """Return 0 where every test of the part ran and passed (a second run counts), else 1.

    Raises UsageError and InfraError where the tests could not be run: nothing is reported then, a retry reports.
    """
    given = planned(context)
    suite, test_plan = given.suite(str(given.configuration.get("suite")))
    number = _number(context, test_plan)
    must_be_checked_out(context, given.plan)
    shard = Shard(
        suite=suite.name,
        number=number,
        part=test_plan.parts[number],
        digest=given.digest,
        job=context.variable("BUILDKITE_JOB_ID"),
        attempt=attempt(context),
    )
    context.say(_introduction(shard, test_plan))
    agent = agent_of(context.env)
    if agent is None:
        context.say("this job's agent cannot be seen from here: if it dies, the tests run on until their end")
    with exit_on_sigterm(), tempfile.TemporaryDirectory(prefix="ship-shard-") as name:
        folder = Path(name).resolve()
        with ProcessTree(folder=folder, agent=agent) as tree:
            report = run_shard(shard, _runner(context, suite, tree, folder), context.clock)
        flaws = list(check_shard(test_plan, number, report, given.digest))
        _keep(context, given, report, folder)
        _show(context, given, report, flaws, shards=len(test_plan.parts))
    return 0 if report.green and not flaws else TESTS_FAILED


def _runner(context: JobContext, suite: Suite, tree: ProcessTree, folder: Path) -> PartRunner:
    root, env, say = context.root, context.env, context.say
    if suite.runner == COMMAND:
        return CommandParts(suite=suite, root=root, env=env, tree=tree, folder=folder, say=say)
    return PytestParts(Runner(suite=suite, root=root, env=env, tree=tree, folder=folder, say=say))


def _number(context: JobContext, test_plan: TestPlan) -> int:
    """Return which part is this job's. A step of one job has no parallelism; a large suite is several steps."""
    number = int(context.plugin().get("first") or 0) + int(context.env.get("BUILDKITE_PARALLEL_JOB") or 0)
    if number >= len(test_plan.parts):
        raise UsageError(
            f"cannot run shard {number} of suite {test_plan.suite!r}: the plan has {len(test_plan.parts)}",
            hint="the step's parallelism is not the plan's: was the step written by hand?",
        )
    return number


def _introduction(shard: Shard, test_plan: TestPlan) -> str:
    part = shard.part
    split = len(part.dealt) + len(part.remainder)
    files = f"{len(part.touched)} files" + (f" ({split} shared with other shards)" if split else "")
    return (
        f"--- {shard.suite}: shard {shard.number + 1} of {len(test_plan.parts)}, {files},"
        f" predicted {part.seconds:.1f} s, attempt {shard.attempt + 1}"
    )


def _keep(context: JobContext, given: Planned, report: Report, folder: Path) -> None:
    """Keep the report, for the proof, and JUnit XML, for people and their tools."""
    document = folder / "junit" / f"{report.suite}-{report.shard}.xml"
    document.parent.mkdir()
    document.write_bytes(junit(report))
    key = report_key(given.plan.key, report.suite, report.shard, attempt=report.attempt, job=report.job)
    if not given.hand_in(context, key, report.encode(), folder, "junit/*.xml"):
        raise InfraError(f"could not keep the report {key!r}: this job has reported something else before")
    context.say(f"reported to {key}")


def _show(context: JobContext, given: Planned, report: Report, flaws: list[Flaw], *, shards: int) -> None:
    """Tell people: log and annotation. The report is kept by then, so none of this can change the outcome."""
    for flaw in flaws:
        context.say(f"^^^ +++\n{flaw}")
    for result in report.failed:
        context.say(f"failed: {result.id}")
    for result in report.flaky:
        context.say(f"flaky: {result.id} passed in its second run")
    if report.vanished:
        context.say(f"in the plan, in no file any more: {', '.join(report.vanished)}")
    spent = report.phases
    context.say(
        f"setup {spent.setup:.1f} s, tests {spent.pytest:.1f} s, second run {spent.retry:.1f} s, ship {spent.ship:.2f} s"
    )
    # A green first attempt needs no words; a later one replaces what an earlier one showed.
    if not report.green or flaws or report.flaky or report.attempt:
        history = known_flaky(context, given, report.suite) if report.flaky else {}
        body, style = shard_annotation(report, flaws, shards=shards, history=history)
        where = shard_context(report.suite, report.shard)
        tell(context, "annotate the build", lambda: context.agent.annotate(body, context=where, style=style))
