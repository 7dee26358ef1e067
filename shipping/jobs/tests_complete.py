"""`ship job tests-complete`: prove that the shards' reports together are the plan. The gate of the tests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline_gen.clock import rfc3339
from pipeline_gen.wire import canonical
from shipping.jobs.planned import attempt, known_flaky, planned, tell
from shipping.testrun.annotation import proof_annotation, shadow_annotation
from shipping.testrun.history import remember_durations, remember_failed, remember_flaky
from shipping.testrun.proof import Proof, prove
from shipping.testrun.report import Report, reports_prefix
from shipping.testrun.shadow import judge_selection, remember_shadow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shipping.jobs.context import JobContext
    from shipping.jobs.planned import Planned

NOT_PROVEN = 1
LOOKED_FOR_ALONE = 20
CONTEXT = "tests-complete"
SHADOW = "selection-shadow"


def run(context: JobContext) -> int:
    """Return 0 where every suite is proven, else 1. Raises InfraError where the reports could not be read: no guessing."""
    given = planned(context)
    reports: dict[str, list[Report]] = {}
    proofs: list[Proof] = []
    for name in given.configuration.get("suites") or list(given.plan.suites):
        _, test_plan = given.suite(name)
        reports[name] = _read_reports(given, name)
        proofs.append(prove(test_plan, given.digest, reports[name]))
    _keep(context, given, proofs)
    for proof in proofs:
        _remember(context, given, proof, reports[proof.suite])
    _show(context, given, proofs)
    _watch(context, given, proofs, reports)
    return 0 if all(proof.green for proof in proofs) else NOT_PROVEN


def _read_reports(given: Planned, suite: str) -> list[Report]:
    """Return every report of a suite; for shards that show none in the list of all, look once more for theirs alone.

    A list of artifacts may be cut or late (neither was seen, nor is it ruled out anywhere), and no proof is to be red for it.
    """
    keys = list(given.store.list(reports_prefix(given.plan.key, suite)))
    found = _decoded(given, keys)
    there = {report.shard for report in found}
    missing = [shard for shard in range(len(given.plan.suites[suite].parts)) if shard not in there]
    for shard in missing[:LOOKED_FOR_ALONE]:
        found += _decoded(given, given.store.list(reports_prefix(given.plan.key, suite, shard)))
    return found


def _decoded(given: Planned, keys: Iterable[str]) -> list[Report]:
    return [Report.decode(stored.body) for key in keys if (stored := given.store.get(key)) is not None]


def _keep(context: JobContext, given: Planned, proofs: list[Proof]) -> None:
    """Write the proof beside the plan; on main also the release's verdict, which `conclude` reads."""
    job, tried = context.variable("BUILDKITE_JOB_ID"), attempt(context)
    key = f"{given.plan.key.removesuffix('.json')}/proof/{tried}-{job}.json"
    green = all(proof.green for proof in proofs)
    body = {
        "schema": 1,
        "gate": "tests",
        "verdict": "PASS" if green else "FAIL",
        "commit": given.plan.commit,
        "plan": given.plan.key,
        "digest": given.digest,
        "job": job,
        "attempt": tried,
        "at": rfc3339(context.clock.now()),
        "suites": [proof.to_json() for proof in proofs],
    }
    given.store.create(key, canonical(body))
    context.say(f"proof kept as {key}")
    if given.plan.main:
        _keep_verdict(given, {**body, "proof": key, "suites": [proof.suite for proof in proofs]})


def _keep_verdict(given: Planned, body: dict[str, object]) -> None:
    """Write the verdict under the first free number: a commit may be built again, and the last verdict counts."""
    prefix = f"{given.plan.app}/releases/{given.plan.commit}/verdicts/tests/"
    number = sum(1 for _ in given.store.list(prefix))
    while not given.store.create(f"{prefix}{number}.json", canonical(body)):
        number += 1


def _remember(context: JobContext, given: Planned, proof: Proof, reports: list[Report]) -> None:
    """Teach the next builds. What is learnt is advice: not to be able to write it fails nothing."""
    test_plan, app = given.plan.suites[proof.suite], given.plan.app
    if not given.plan.main:
        tell(
            context,
            f"keep the failed files of {proof.suite!r}",
            lambda: remember_failed(given.store, app, given.plan.branch, test_plan, proof),
        )
        return
    counted, at = _counted(proof, reports), rfc3339(context.clock.now())
    tell(
        context,
        f"keep the durations of {proof.suite!r}",
        lambda: remember_durations(given.store, app, test_plan, counted),
    )
    tell(
        context,
        f"keep the flaky tests of {proof.suite!r}",
        lambda: remember_flaky(given.store, app, proof.suite, proof.flaky, commit=given.plan.commit, at=at),
    )


def _counted(proof: Proof, reports: list[Report]) -> list[Report]:
    return [report for report in reports if f"{report.attempt}-{report.job}" == proof.attempts.get(report.shard)]


def _watch(context: JobContext, given: Planned, proofs: list[Proof], reports: Mapping[str, list[Report]]) -> None:
    """Under `select: shadow`, say what selection would have missed, and keep it: the evidence to switch it on by."""
    plan, said = given.plan, []
    for proof in proofs:
        shadow = judge_selection(plan.suites[proof.suite], _counted(proof, reports[proof.suite]))
        if shadow is not None:
            said.append(shadow)
            context.say(str(shadow))
            tell(
                context,
                "keep the shadow",
                partial(remember_shadow, given.store, plan.app, plan.build, plan.commit, shadow),
            )
    if said:
        body, style = shadow_annotation(said)
        tell(context, "annotate the build", lambda: context.agent.annotate(body, context=SHADOW, style=style))


def _show(context: JobContext, given: Planned, proofs: list[Proof]) -> None:
    history: dict[str, str] = {}
    for proof in proofs:
        word = "proven" if proof.green else "NOT proven"
        context.say(f"{proof.suite}: {word}: {proof.tests} tests in {proof.shards} shards")
        for flaw in proof.flaws:
            context.say(f"  {flaw}")
        for test in proof.vanished:
            context.say(f"  vanished: {test}")
        if proof.flaky:
            context.say(f"  flaky: {', '.join(proof.flaky)}")
            history |= known_flaky(context, given, proof.suite)
    body, style = proof_annotation(proofs, history)
    tell(context, "annotate the build", lambda: context.agent.annotate(body, context=CONTEXT, style=style))
