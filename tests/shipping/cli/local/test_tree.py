"""A build as lines: what is shown, in which order, and what is left out first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shipping.cli.local.tree import Line, fitting, label, lines, rolled_up, took

NOW = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)


def job(key: str, state: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as REST has it
    return {
        "id": f"id-of-{key}",
        "type": "script",
        "name": None,
        "step_key": key,
        "step": {"id": key},
        "group_key": None,
        "state": state,
        "started_at": None,
        "finished_at": None,
        **more,
    }


def build(*jobs: dict[str, Any]) -> dict[str, Any]:
    return {"pipeline": {"slug": "inbox"}, "number": 3, "jobs": list(jobs)}


def shares(state: str, count: int, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return [
        job("unit", state, id=f"unit-{number}", parallel_group_index=number, parallel_group_total=count, **more)
        for number in range(count)
    ]


def told(*jobs: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    return [(line.depth, line.name, line.state, line.note) for line in lines(build(*jobs), NOW)]


def test_steps_groups_and_attempts() -> None:
    """In the order of the pipeline; an attempt that was retried stands below the one that counts."""
    first = job("b", "failed", group_key="checks", retried=True, exit_status=-1, signal_reason="agent_lost", id="b0")
    second = job("b", "passed", group_key="checks", retries_count=1, exit_status=0, id="b1")

    assert told(job("a", "passed"), job("c", "passed", group_key="checks"), first, second) == [
        (0, "a", "passed", ""),
        (0, "checks", "passed", ""),
        (1, "c", "passed", ""),
        (1, "b", "passed", ""),
        (2, "attempt 1", "failed", "exit status -1, agent_lost"),
    ]


def test_a_parallel_step_is_as_its_worst_share() -> None:
    """And it goes on while one of them does."""
    passed, failed = shares("passed", 2), shares("failed", 2, exit_status=1)

    assert told(passed[0], failed[1]) == [
        (0, "unit", "failed", "1 passed, 1 failed"),
        (1, "unit 1/2", "passed", ""),
        (1, "unit 2/2", "failed", "exit status 1"),
    ]
    assert rolled_up([*passed, *shares("running", 1), *failed]) == "running"
    assert rolled_up([job("a", "failed", soft_failed=True), job("b", "passed")]) == "soft failed"


def test_of_many_shares_those_are_listed_that_have_not_passed() -> None:
    """A hundred green ones are one line."""
    many = shares("passed", 100)
    many[41] |= {"state": "failed", "exit_status": 2}

    assert [name for _, name, _, _ in told(*many)] == ["unit", "unit 42/100"]


def test_what_one_would_ask_next() -> None:
    """How to unblock it, where it runs, which build it has triggered, why it was not run."""
    assert [note for _, _, _, note in told(
        job("release", "blocked", type="manual"),
        job("a", "running", agent={"name": "agent-1"}),
        job("b", "passed", type="trigger", triggered_build={"web_url": "http://127.0.0.1:1/local/ops/builds/7"}),
        job("c", "broken", reason="its condition is false"),
        job("d", "passed", exit_status=0),
    )] == ["ship local unblock inbox/3 --job release", "on agent-1", "build ops/7", "its condition is false", ""]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"name": ":rocket: Go  \nthere"}, "Go"),
        ({"name": ":rocket:"}, ":rocket:"),
        ({"name": None, "step_key": None, "command": "make\ntest"}, "make"),
        ({"type": "waiter", "name": None, "step_key": None}, "wait"),
        ({"type": "manual", "step_key": None}, "block"),
    ],
)
def test_a_job_has_a_name_of_one_line(more: dict[str, Any], expected: str) -> None:
    """Its label without emoji codes, else its key, else its command, else its kind."""
    assert label(job("key", "passed", **more)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ""),
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (12.4, "12 s"),
        (59.6, "1 min 00 s"),
        (3599.9, "1 h 00 min"),
        (7325, "2 h 02 min"),
    ],
)
def test_time_as_people_say_it(seconds: float | None, expected: str) -> None:
    """Tenths only where they matter."""
    assert took(seconds) == expected


def test_what_goes_on_takes_until_now() -> None:
    """And never less than nothing, should the clocks differ."""
    running = job("a", "running", started_at="2026-03-04T12:00:00.000Z")
    early = job("b", "running", started_at="2026-03-04T12:00:31.000Z")

    assert [line.took for line in lines(build(running, early), NOW)] == ["30 s", "0.0 s"]


@pytest.mark.parametrize("height", [1, 2, 3, 5, 8, 9, 20])
def test_a_tall_build_fits_into_a_terminal(height: int) -> None:
    """What is over goes first, from the top, and is counted; what goes on or failed stays while there is room."""
    states = ["passed", "passed", "failed", "passed", "running", "passed", "waiting", "waiting"]
    shown = [Line(depth=0, state=state, name=f"{number}") for number, state in enumerate(states)]

    kept = fitting(shown, height)

    assert len(kept) <= height
    if height >= 3:
        assert {"failed", "running"} <= {line.state for line in kept}
    if height < len(shown):
        assert height == 1 or len(kept) >= min(height, 3) - 1
    else:
        assert kept == shown
