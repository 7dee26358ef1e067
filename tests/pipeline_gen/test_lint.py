from __future__ import annotations

from typing import Any

import pytest

from pipeline_gen.lint import lint


def command(**more: object) -> dict[str, Any]:
    return {"command": "true", "timeout_in_minutes": 5, **more}


def said(*steps: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in lint([{"steps": list(steps)}])]


def test_a_sound_pipeline_has_no_problems() -> None:
    """Groups, dependencies into groups and retries pass."""
    tests = {"group": "tests", "key": "tests", "steps": [command(key="a", parallelism=3)]}
    last = command(key="b", depends_on=[{"step": "tests", "allow_failure": True}, "a"])

    assert said(tests, last) == []


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (command(key="a b"), "a b: key: 'a b' is not 1 to 100 of letters"),
        (command(key="0192f7a2-8f6e-7b1c-9d3e-1a2b3c4d5e6f"), "looks like a UUID"),
        ({"command": "true", "key": "a"}, "a: timeout_in_minutes: missing"),
        (command(key="a", skip="x" * 71), "a: skip: the reason has 71 characters"),
        (command(key="a", concurrency=1), "a: concurrency: concurrency and concurrency_group go together"),
        (command(key="a", parallelism=0), "a: parallelism: 0 is not"),
        (command(key="a", label="cost $5"), "a: label: holds a '$'"),
        (command(key="a", depends_on="nowhere"), "a: depends_on: 'nowhere' is not a key of this pipeline"),
        (command(key="a", retry={"automatic": [{"exit_status": 1, "limit": 11}]}), "limit 11 is not within 0 to 10"),
        (
            command(key="a", retry={"automatic": [{"exit_status": "*"}, {"exit_status": 3}]}),
            "a: retry/automatic/1: never applies",
        ),
        (command(key="a", parallelism=501), "upload 1: steps: 501 jobs, at most 500 in one upload"),
    ],
)
def test_a_fault_is_named_with_step_attribute_and_reason(step: dict[str, Any], expected: str) -> None:
    """One fault, one line."""
    assert [line for line in said(step) if expected in line] != []


def test_a_star_does_not_cover_a_lost_agent() -> None:
    """Buildkite's '*' is 1 to 255, so a rule for -1 after it still applies."""
    rules = [{"exit_status": "*", "limit": 1}, {"exit_status": -1, "limit": 2}]

    assert said(command(key="a", retry={"automatic": rules})) == []


def test_a_key_used_twice_is_found_across_uploads() -> None:
    """Keys are unique in a build, not in an upload."""
    uploads = [{"steps": [command(key="a")]}, {"steps": [command(key="a")]}]

    assert [str(problem) for problem in lint(uploads)] == ["a: key: 2 steps have this key; keys are unique in a build"]


def test_a_circle_of_dependencies_is_shown() -> None:
    """Such steps would wait for each other for ever."""
    steps = (
        command(key="a", depends_on="c"),
        command(key="b", depends_on="a"),
        command(key="c", depends_on=["b"]),
        command(key="d"),
    )

    assert said(*steps) == ["a: depends_on: a circle: a -> c -> b -> a"]


def test_a_step_within_a_group_that_waits_for_its_group_is_a_circle() -> None:
    """A group ends when its steps have ended."""
    group = {"group": "g", "key": "g", "steps": [command(key="a", depends_on="g")]}

    assert any("a circle" in line for line in said(group))


def test_a_build_has_a_budget_of_jobs() -> None:
    """4,000 jobs is the most that one build may have."""
    uploads = [{"steps": [command(key=f"k{number}", parallelism=450)]} for number in range(9)]

    assert [str(problem) for problem in lint(uploads)] == [
        "the build: steps: 4050 jobs, at most 4000 in one build, retries included: lower shards.max"
    ]
