"""Documents become steps, and everything that is not understood is refused by name."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from shipping.local.engine import attributes
from shipping.local.engine.expand import Origin, expand
from shipping.local.engine.kinds import Command, Dependency, Group, RetryRule, Wait
from shipping.local.engine.rejection import Rejection

ORIGIN = Origin(build=str(uuid.UUID(int=1)), seed="upload", queued_at=0.0)


def refusal(*steps: object, **top: object) -> str:
    with pytest.raises(Rejection) as caught:
        expand({"steps": list(steps), **top}, ORIGIN)
    assert caught.value.status == 422
    return caught.value.message


def one(raw: dict[str, Any]) -> Command:
    body = expand({"steps": [raw]}, ORIGIN).steps[0].body
    assert isinstance(body, Command)
    return body


def test_aliases_mean_their_canonical_attribute() -> None:
    """Key, label and command may be called by any of Buildkite's names."""
    step = expand({"steps": [{"identifier": "a", "name": "A", "commands": ["x", "y"], "timeout": 3}]}, ORIGIN).steps[0]

    assert (step.key, step.label) == ("a", "A")
    assert Command(command="x\ny", timeout_in_minutes=3) == step.body


def test_all_forms_of_a_wait() -> None:
    """A bare word, a null, a visual step and a waiter are the same wait."""
    steps = expand({"steps": ["wait", {"wait": None}, {"type": "waiter"}, {"waiter": "~"}]}, ORIGIN).steps

    assert [Wait()] * 4 == [step.body for step in steps]


def test_a_group_stands_before_its_steps() -> None:
    """Steps of a group name it."""
    document = {"steps": [{"group": "tests", "key": "g", "steps": [{"command": "x", "key": "x"}]}]}
    group, inner = expand(document, ORIGIN).steps

    assert (Group(), "tests") == (group.body, group.label)
    assert group.id == inner.group


@pytest.mark.parametrize("attribute", sorted(attributes.COMMAND_LATER))
def test_attributes_not_implemented_are_refused_by_name(attribute: str) -> None:
    """What is known at Buildkite and not here is never ignored."""
    message = refusal({"command": "x", "label": "unit", attribute: "y"})

    assert message == f"step 1 ('unit'): attribute {attribute!r} is not implemented by the local Buildkite"


def test_a_step_of_no_kind_is_refused_with_the_kinds_there_are() -> None:
    assert "it has none of 'plugins', 'command', 'wait', 'block', 'input', 'trigger', 'group'" in refusal(
        {"label": "x"}
    )


def test_unknown_attributes_are_refused_with_the_nearest_known() -> None:
    """A typo does not pass as a step without a time-out."""
    message = refusal({"command": "x", "timeout_in_minuets": 5})

    assert message == "step 1: attribute 'timeout_in_minuets' is not known; did you mean 'timeout_in_minutes'?"


def test_all_faults_are_told_at_once() -> None:
    """Each names its step, also inside a group."""
    message = refusal(
        {"command": "x", "parallelism": 0},
        {"group": "g", "steps": [{"command": "y", "soft_fail": 3}, {"group": "inner", "steps": []}]},
        colour="red",
    )

    assert message.splitlines() == [
        "pipeline: attribute 'colour' is not known",
        "step 1: attribute 'parallelism' must be a whole number from 1 to 10000, not 0",
        "step 2 ('g'), step 1: attribute 'soft_fail' must be true, false, or a list of {exit_status: number or '*'}, not 3",
        "step 2 ('g'), step 2 ('inner'): attribute 'group' cannot stand inside a group",
    ]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("retry", {"automatic": [{"exit_status": 1, "limit": 11}]}),
        ("retry", {"automatic": [{"signal_reason": "bored"}]}),
        ("retry", {"automaticc": True}),
        ("plugins", [{"a": {}, "b": {}}]),
        ("plugins", [{"a": "text"}]),
        ("env", ["A=b"]),
        ("agents", ["queue"]),
        ("depends_on", [{"step": "a", "allow_failures": True}]),
        ("skip", "x" * 71),
        ("key", "with space"),
        ("key", "1f0a3c52-9d7e-4e11-8c53-0a4b8f3f6f10"),
        ("timeout_in_minutes", "soon"),
        ("priority", 1.5),
        ("command", {"nested": 1}),
    ],
)
def test_wrong_values_are_refused_with_what_is_allowed(attribute: str, value: object) -> None:
    """Nothing is coerced into something else."""
    message = refusal({"plugins": [], attribute: value})

    assert message.startswith("step 1")
    assert f": attribute {attribute!r}" in message


def test_meta_data_for_a_triggered_build_is_no_longer_than_is_kept() -> None:
    """Said at upload, not when the other build is made."""
    message = refusal({"trigger": "inbox", "build": {"meta_data": {"fits": "x" * 102_400, "k": "x" * 102_401}}})

    assert message.startswith("step 1 ('inbox'): attribute 'build' value of 'k' must be at most 102400 bytes")


def test_duplicate_keys_are_refused_in_buildkites_words() -> None:
    """Generators look for this sentence."""
    expected = 'The key "a" has already been used by another step in this build'

    assert expected == refusal({"command": "x", "key": "a"}, {"command": "y", "key": "a"})


def test_more_jobs_than_an_upload_may_have() -> None:
    """Parallel shares count one each, a group and a wait one each."""
    assert expand({"steps": [{"command": "x", "parallelism": 498}, "wait", {"command": "y"}]}, ORIGIN).jobs() == 500
    assert "has 501 jobs" in refusal({"command": "x", "parallelism": 499}, "wait", {"command": "y"})
    inner = [{"command": "x"}] * 500
    assert "has 501 jobs" in refusal({"group": "g", "steps": inner})


def test_defaults_at_the_top_hold_for_steps_without_their_own() -> None:
    """Agents and priority; the environment is the build's."""
    expanded = expand(
        {
            "agents": {"queue": "big"},
            "priority": 3,
            "env": {"A": 1, "B": True},
            "steps": [{"command": "x"}, {"command": "y", "agents": ["queue=small"], "priority": 0}],
        },
        ORIGIN,
    )

    assert expanded.env == {"A": "1", "B": "true"}
    bodies = [step.body for step in expanded.steps if isinstance(step.body, Command)]
    assert [(body.agents, body.priority) for body in bodies] == [(("queue=big",), 3), (("queue=small",), 0)]


def test_retry_rules() -> None:
    """True means any failing status, twice; a rule that asks for nothing else asks for a failing status."""
    assert one({"command": "x", "retry": {"automatic": True}}).automatic == (RetryRule(exit_status=("*",), limit=2),)
    rules = [{"exit_status": [-1, 3], "limit": 1}, {"signal_reason": "agent_stop"}, {"limit": 4}]
    assert one({"command": "x", "retry": {"automatic": rules}}).automatic == (
        RetryRule(exit_status=(-1, 3), limit=1),
        RetryRule(signal_reason=("agent_stop",)),
        RetryRule(exit_status=("*",), limit=4),
    )


def test_plugins_keep_their_order_and_their_nulls() -> None:
    """They are the agent's business, and go to it as they came."""
    body = one({"plugins": ["a#v1", {"./b": {"x": None}}, {"a#v1": None}]})

    assert body.plugins == ({"a#v1": None}, {"./b": {"x": None}}, {"a#v1": None})


def test_depends_on_null_is_not_the_same_as_none_given() -> None:
    """`depends_on: ~` frees a step of its implicit dependencies."""
    document = {"steps": [{"command": "x"}, {"command": "y", "depends_on": None}, {"command": "z", "depends_on": "x"}]}
    free, none, explicit = expand(document, ORIGIN).steps

    assert (None, (), (Dependency(step="x"),)) == (free.depends_on, none.depends_on, explicit.depends_on)


def test_the_same_document_gives_the_same_ids() -> None:
    """An engine draws nothing by lot."""
    document = {"steps": [{"command": "x"}, {"command": "x"}, "wait"]}

    first, second = expand(document, ORIGIN), expand(document, ORIGIN)

    assert first == second
    assert len({step.id for step in first.steps}) == 3


@pytest.mark.parametrize("document", [None, 3, "steps", {"steps": {}}, {"steps": [[]]}, {"steps": [3]}])
def test_what_is_no_pipeline_is_refused(document: object) -> None:
    """Whatever JSON comes, the answer is a sentence."""
    with pytest.raises(Rejection):
        expand(document, ORIGIN)
