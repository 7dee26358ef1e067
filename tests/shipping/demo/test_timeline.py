from __future__ import annotations

from typing import Any

from shipping.demo.timeline import WIDTH, timeline


def job(key: str, begun: int | None, ended: int | None, **more: object) -> dict[str, Any]:
    def at(second: int | None) -> str | None:
        return None if second is None else f"2026-01-01T00:00:{second:02}.000Z"

    times = {"runnable_at": at(0), "started_at": at(begun), "finished_at": at(ended)}
    return {"type": "script", "id": key, "step_key": key, "state": "passed", **times, **more}


def build(*jobs: dict[str, Any]) -> dict[str, Any]:
    return {"created_at": "2026-01-01T00:00:00.000Z", "jobs": list(jobs)}


def test_each_job_that_ran_has_a_line_in_the_order_they_began() -> None:
    """Waiting and running are told apart, shards and retries are numbered, jobs that never ran are left out."""
    lines = timeline(
        build(
            job("tests", 10, 20, parallel_group_index=1, parallel_group_total=4, state="failed"),
            job("plan", 0, 10, retries_count=2),
            job("skipped", None, None),
            {"type": "waiter", "id": "w"},
        )
    )

    half = WIDTH // 2
    assert [line.split() for line in lines] == [
        ["plan", "(retry", "2)", "10.0", "s", "█" * half, "passed"],
        ["tests", "2/4", "10.0", "s", "·" * half + "█" * half, "failed"],
        ["from", "merge", "to", "the", "end", "20.0", "s"],
    ]


def test_a_build_in_which_nothing_ran_says_so() -> None:
    """A build that was cancelled before its first job."""
    assert timeline(build(job("plan", None, None))) == ["(no job ran)"]
