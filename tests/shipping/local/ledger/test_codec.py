"""Records survive the ledger, and the ledger survives small changes of the records."""

from __future__ import annotations

import json
from dataclasses import replace

from shipping.local.engine.kinds import Block, Command, Dependency, Field, Group, Input, Option, RetryRule, Trigger
from shipping.local.engine.records import Author, Build, Job, Pipeline, PullRequest, Step, TriggeredFrom
from shipping.local.engine.states import JobState
from shipping.local.ledger.codec import decode, encode

STEP = Step(
    id="s",
    build="b",
    label="é\u2028",
    depends_on=(Dependency(step="a", allow_failure=True),),
    body=Command(
        command="x",
        env={"$": "a variable that is called like our mark"},
        plugins=({"./p": {"$": [1, None, {"x": 0.5}]}},),
        automatic=(RetryRule(exit_status=("*", -1)),),
        soft_fail=(1, "*"),
    ),
)


def test_a_record_comes_back_as_it_was() -> None:
    pipeline = Pipeline(id="p", slug="p", name="p", repository="r", env={"A": "1"})
    build = Build(
        id="b",
        number=1,
        pipeline=pipeline,
        branch="main",
        commit="c",
        message="m",
        created_at=0.1,
        pull_request=PullRequest(id="1", labels=("x",), draft=True),
        uploads={"u": "d"},
        order=("s",),
    )
    job = Job(id="j", build="b", step="s", place=0, created_at=1.5, state=JobState.TIMED_OUT, exit_status=-1)

    omitted = Step(id="g", build="b", body=Group(), condition="false", omitted=JobState.BROKEN, reason="x")
    asking = (
        Field(kind="select", key="k", default=("a", "b"), options=(Option(label="A", value="a"),), multiple=True),
        Field(kind="text", key="t", default="one"),
    )
    others = (
        replace(build, triggered_from=TriggeredFrom(job="j", build="a", number=2, pipeline="p", depth=3)),
        replace(job, unblocker=Author(name="Ann"), answers={"k": "a\nb"}, triggered="c"),
        Step(id="i", build="b", body=Input(fields=asking)),
        Step(id="k", build="b", body=Block(fields=asking, allowed_teams=("sre",))),
        Step(id="t", build="b", body=Trigger(pipeline="p", env={"$": "x"}, meta_data={"a": "1"}, parallelism=2)),
    )
    for record in (STEP, build, job, omitted, *others):
        assert decode(type(record), encode(record)) == record
    assert decode(Step, encode(omitted)).omitted is JobState.BROKEN


def test_a_field_of_a_later_version_is_ignored_and_a_missing_one_has_its_default() -> None:
    told = json.loads(encode(STEP)) | {"invented": 1}
    del told["label"]

    assert decode(Step, json.dumps(told)) == replace(STEP, label="")
