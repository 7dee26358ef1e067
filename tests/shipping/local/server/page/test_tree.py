"""A build as a tree, read from the real engine's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.engine import events
from shipping.local.engine.environment import Site
from shipping.local.server.page.rows import build_row, pipeline_row
from shipping.local.server.page.tree import FOLDED, Node, Tree
from tests.shipping.local.engine.driver import PIPELINE, Driver, command

if TYPE_CHECKING:
    from collections.abc import Iterable

SITE = Site(url="http://127.0.0.1:1", organization="local")


def nodes(drive: Driver) -> list[Node]:
    return Tree(drive.state, drive.build, SITE, drive.at).nodes()


def told(found: Iterable[Node]) -> list[tuple[object, ...]]:
    """Kind, name, state, tags; what is inside; how many attempts came before."""
    return [
        (one.kind, one.name, one.state, *one.tags)
        + ((told(one.children),) if one.children else ())
        + ((len(one.earlier),) if one.earlier else ())
        for one in found
    ]


def by_name(drive: Driver) -> dict[str, Node]:
    found, queue = dict[str, Node](), nodes(drive)
    while queue:
        one = queue.pop()
        found[one.name] = one
        queue += one.children
    return found


def test_groups_shares_attempts_and_waits() -> None:
    drive = Driver().create(
        command("plan", label="plan"),
        {
            "group": "Tests",
            "steps": [{"label": "unit %n", "command": "x", "parallelism": 2, "retry": {"automatic": True}}],
        },
        "wait",
        {"block": "Release"},
    )
    agent = drive.agent()
    for exit_status in (0, 1, 0):
        drive.run(agent, exit_status)

    assert told(nodes(drive)) == [
        ("command", "plan", "passed"),
        (
            "group",
            "Tests",
            "scheduled",
            "1 of 2",
            [
                (
                    "parallel",
                    "unit",
                    "scheduled",
                    "1 of 2",
                    [("command", "unit 0", "scheduled", "attempt 2", 1), ("command", "unit 1", "passed")],
                )
            ],
        ),
        ("wait", "wait", "waiting"),
        ("block", "Release", "waiting"),
    ]
    drive.drain(agent)
    assert [one.state for one in nodes(drive)] == ["passed", "passed", "passed", "blocked"]


def test_a_matrix_is_a_step_of_several_jobs() -> None:
    """A value that the label does not say is a tag."""
    drive = Driver().create(
        {"label": "on {{matrix}}", "command": "x", "matrix": ["a", "b"]},
        {"label": "other", "command": "x {{matrix}}", "matrix": ["c", "d"]},
    )

    assert told(nodes(drive)) == [
        ("parallel", "on", "scheduled", "0 of 2", [("command", "on a", "scheduled"), ("command", "on b", "scheduled")]),
        (
            "parallel",
            "other",
            "scheduled",
            "0 of 2",
            [("command", "other", "scheduled", "c"), ("command", "other", "scheduled", "d")],
        ),
    ]


def test_what_can_be_done_with_each_job() -> None:
    """What was retried, what has ended well without leave to retry, what waits, what asks."""
    drive = Driver().create(
        command("failed", label="failed"),
        command("passed", label="passed", retry={"manual": {"permit_on_passed": False}}),
        command("never", label="never", retry={"manual": False}),
        command("runs", label="runs"),
        command("waits", label="waits", depends_on="runs"),
        {"block": "asks", "key": "asks", "depends_on": []},
    )
    agent, other = drive.agent(), drive.agent(name="two")
    for exit_status in (1, 0, 1):
        drive.run(agent, exit_status)
    drive.begin(other)

    assert {name: (one.retry, one.cancel, one.unblock) for name, one in by_name(drive).items()} == {
        "failed": (True, False, False),
        "passed": (False, False, False),
        "never": (False, False, False),
        "runs": (False, True, False),
        "waits": (False, True, False),
        "asks": (False, False, True),
    }
    drive.apply(events.JobRetried(at=drive.at, job=drive.jobs("failed")[0].id))
    again = nodes(drive)[0]
    assert [one.retry for one in (again, *again.earlier)] == [False, False]


def test_many_shares_are_folded_until_one_is_wrong() -> None:
    drive = Driver().create({"key": "unit", "label": "unit", "command": "x", "parallelism": FOLDED})
    agent = drive.agent()
    assert [one.open for one in nodes(drive)] == [False]
    drive.run(agent, 1)

    assert [(one.open, one.state) for one in nodes(drive)] == [(True, "failing")]


def test_secrets_are_in_no_name_and_no_command() -> None:
    drive = Driver().create(
        {"command": "login s3cr3t-value", "env": {"MY_TOKEN": "s3cr3t-value"}},
        command("b", label="all of s3cr3t-value", command="use other-secret"),
        env={"SOME_SECRET": "other-secret"},
    )

    first, second = nodes(drive)
    assert first.name == "login [REDACTED]"
    assert (second.name, second.command) == ("all of s3cr3t-value", "use [REDACTED]")


def test_times_tick_while_they_grow() -> None:
    drive = Driver().create(command("a", label="a"), command("b", label="b"))
    agent = drive.agent()
    drive.run(agent)
    drive.begin(agent)
    drive.at += 60

    done, runs = nodes(drive)
    row = build_row(drive.state, drive.build, SITE, drive.at)
    assert (done.time.ticks, runs.time.ticks) == (None, 61.0)
    assert runs.time.text == "1m 01s"
    assert (row.state, row.jobs, row.time.ticks) == ("running", "1 of 2 jobs", 65.0)


def test_a_pipelines_strip_is_as_high_as_builds_are_long() -> None:
    drive = Driver()
    agent = drive.agent()
    for seconds in (0, 60, 120):
        drive.create(command("a"))
        job = drive.begin(agent)
        drive.at += seconds - 1
        drive.end(job, int(seconds == 60))
    drive.create(command("a"))

    row = pipeline_row(drive.state, PIPELINE, list(drive.state.builds.values()), SITE, drive.at)

    assert [(bar.tone, bar.height) for bar in row.bars] == [("good", 20), ("bad", 60), ("good", 100), ("calm", 20)]
    assert row.bars[1].title == "#2 failed, 1m 00s"
    assert row.latest is not None
    assert row.latest.number == 4
