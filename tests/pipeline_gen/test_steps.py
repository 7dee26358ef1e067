from __future__ import annotations

import pytest

from pipeline_gen.steps import Command, Dependency, Group, Plugin, RetryRule, chunks, render


def command(key: str, parallelism: int | None = None) -> Command:
    return Command(key=key, label=key, command="true", queue="default", timeout=5, parallelism=parallelism)


def test_only_what_is_set_is_rendered() -> None:
    """An absent attribute is absent, not null: null means something else to Buildkite."""
    assert render([command("a")]) == {
        "steps": [
            {"label": "a", "key": "a", "command": "true", "agents": {"queue": "default"}, "timeout_in_minutes": 5}
        ]
    }


def test_a_full_step_is_rendered_literally() -> None:
    """Every attribute has its place."""
    step = Command(
        key="k",
        label="l",
        command="c",
        plugins=(Plugin(source="./p", configuration={"x": 1}),),
        depends_on=(Dependency(step="a", allow_failure=True), Dependency(step="b")),
        parallelism=2,
        queue="q",
        timeout=7,
        priority=3,
        retry=(RetryRule(exit_status=-1, limit=2),),
        soft_fail=True,
        env={"E": "$HOME"},
        skip="why",
    )

    assert step.render() == {
        "label": "l",
        "key": "k",
        "command": "c",
        "plugins": [{"./p": {"x": 1}}],
        "depends_on": [{"step": "a", "allow_failure": True}, {"step": "b"}],
        "parallelism": 2,
        "agents": {"queue": "q"},
        "timeout_in_minutes": 7,
        "priority": 3,
        "retry": {"automatic": [{"exit_status": -1, "limit": 2}]},
        "soft_fail": True,
        "env": {"E": "$HOME"},
        "skip": "why",
    }


@pytest.mark.parametrize("limit", [-1, 11])
def test_a_retry_rule_outside_buildkites_limits_cannot_be_built(limit: int) -> None:
    """0 to 10."""
    with pytest.raises(ValueError, match="not within 0 to 10"):
        RetryRule(exit_status=1, limit=limit)


def test_a_null_in_a_plugins_configuration_cannot_be_built() -> None:
    """The agent would drop the whole configuration with a warning."""
    with pytest.raises(ValueError, match="a null"):
        Plugin(source="./p", configuration={"x": None})


def test_uploads_keep_groups_whole_and_order() -> None:
    """A group counts as one job beside its steps; a step above the limit stays alone."""
    group = Group(key="g", label="g", steps=(command("a", 3), command("b")))
    cut = chunks([command("x", 4), group, command("y", 99), command("z")], limit=9)

    assert [[step.key for step in chunk] for chunk in cut] == [["x", "g"], ["y"], ["z"]]
