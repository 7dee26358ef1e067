"""`ship job record-coverage`: on main, beside the critical path, learn what each test file of a suite runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.git import Git
from pipeline_gen.plan import config_of
from shipping.jobs.planned import must_be_checked_out, planned, tell
from shipping.processes import ProcessTree, agent_of, exit_on_sigterm
from shipping.testrun.carrying import Carried, carry
from shipping.testrun.mapping import Recording
from shipping.testrun.recording import NoCoverageError, Recorder, Sources, recorded_files
from shipping.testrun.run import Runner

if TYPE_CHECKING:
    from pipeline_gen.config import Suite
    from pipeline_gen.suites.coverage_map import CoverageMap, TestRecord
    from shipping.jobs.context import JobContext
    from shipping.jobs.planned import Planned

MOST_NAMED = 20


def run(context: JobContext) -> int:
    """Record this job's share of the suite; the last job to finish writes the map. Returns 0: a map is never owed.

    Raises Refused on a branch that is not main (a pull request never writes what main selects by), InfraError where the
    suite could not be set up or the store does not answer.
    """
    given = planned(context)
    plan = given.plan
    suite, _ = given.suite(str(given.configuration.get("suite")))
    if not plan.main:
        raise Refused(f"cannot record coverage of {plan.branch!r}: only the main branch writes the map")
    must_be_checked_out(context, plan)
    recording = Recording(
        store=given.store,
        app=plan.app,
        suite=suite.name,
        commit=plan.commit,
        build=plan.build,
        count=int(context.env.get("BUILDKITE_PARALLEL_JOB_COUNT") or 1),
    )
    if recording.is_done:
        context.say(f"the coverage map of {suite.name!r} at {plan.commit[:12]} is there already")
        return 0
    sources = Sources(context.root, Git(context.shell, context.root).files(plan.commit))
    index = int(context.env.get("BUILDKITE_PARALLEL_JOB") or 0)
    if not recording.has(index):
        try:
            recording.keep(index, _record(context, given, suite, sources, index=index, count=recording.count))
        except NoCoverageError:
            _say_no_coverage(context, suite)
            return 0
    coverage = recording.finish(sources.imports)
    if coverage is None:
        context.say("the map is written by the last job of this step")
    else:
        _show(context, coverage)
    return 0


def _record(
    context: JobContext, given: Planned, suite: Suite, sources: Sources, *, index: int, count: int
) -> list[TestRecord]:
    mine = recorded_files(given.plan.suites[suite.name].parts, index=index, count=count)
    carried = _carried(context, given, suite)
    held = [carried.records[file] for file in mine if file in carried.records]
    missing = [file for file in mine if file not in carried.records]
    context.say(
        f"--- {suite.name}: {len(missing)} test files to record, {len(held)} as recorded before; {carried.reason}"
    )
    if not missing:
        return held
    with (
        exit_on_sigterm(),
        tempfile.TemporaryDirectory(prefix="ship-record-") as made,
        ProcessTree(folder=Path(made).resolve(), agent=agent_of(context.env)) as tree,
    ):
        folder = Path(made).resolve()
        runner = Runner(suite=suite, root=context.root, env=context.env, tree=tree, folder=folder, say=context.say)
        runner.set_up()
        return [*held, *Recorder(runner=runner, sources=sources, say=context.say).record(missing)]


def _carried(context: JobContext, given: Planned, suite: Suite) -> Carried:
    """Ask for what is known already. It only saves time: whatever stands in its way means recording everything."""
    try:
        return carry(given.plan, config_of(given.plan), suite, given.store, Git(context.shell, context.root))
    except InfraError as error:
        return Carried(records={}, reason=f"recording everything: {error.message}")


def _say_no_coverage(context: JobContext, suite: Suite) -> None:
    """Without a map everything runs: slower, and safe, so this is no failure."""
    told = (
        f"Coverage of suite **{suite.name}** was not recorded: its interpreter `{suite.python}` has no `coverage`."
        " Pull requests run everything until it has (`pip install coverage`)."
    )
    context.say(told)
    where = f"coverage-{suite.name}"
    tell(context, "annotate the build", lambda: context.agent.annotate(told, context=where, style="warning"))


def _show(context: JobContext, coverage: CoverageMap) -> None:
    aside = sorted([*coverage.unrecorded.items(), *coverage.opaque.items()])
    context.say(
        f"coverage map of {coverage.suite!r} at {coverage.commit[:12]}: {len(coverage.tests)} test files,"
        f" {len(coverage.unrecorded)} not recorded (always run), {len(coverage.opaque)} beyond coverage (run with any code)"
    )
    for test, reason in aside:
        context.say(f"  {test}: {reason}")
    if coverage.unrecorded:
        _annotate_unrecorded(context, coverage)


def _annotate_unrecorded(context: JobContext, coverage: CoverageMap) -> None:
    """A file that is green among others and red alone will be red on some pull request: better known now."""
    shown = sorted(coverage.unrecorded.items())[:MOST_NAMED]
    more = len(coverage.unrecorded) - len(shown)
    summary = (
        f"Suite **{coverage.suite}**: {len(coverage.unrecorded)} test files have no coverage of their own, so every pull"
        " request runs them. Those that fail alone may fail there, too."
    )
    named = [f"- `{test}`: {reason.replace('`', chr(39))}" for test, reason in shown]
    told = "\n".join([summary, "", *named, *([f"- and {more} more, named in the log"] if more else [])])
    where = f"coverage-{coverage.suite}"
    tell(context, "annotate the build", lambda: context.agent.annotate(told, context=where, style="info"))
