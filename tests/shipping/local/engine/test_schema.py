"""Buildkite's own schema as the list of what there is: no attribute of it is unknown here, none is ignored."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from shipping.local.engine import attributes
from shipping.local.engine.expand import Origin, expand
from tests.shipping.local.engine.test_properties import documents

SCHEMA: dict[str, Any] = json.loads(files("buildkite_sdk").joinpath("schema.json").read_text())
ORIGIN = Origin(build="00000000-0000-4000-8000-000000000009", seed="schema", queued_at=0.0)


@pytest.mark.parametrize(
    ("kind", "known", "later"),
    [
        ("commandStep", attributes.COMMAND, attributes.COMMAND_LATER),
        ("waitStep", attributes.WAIT, attributes.WAIT_LATER),
        ("groupStep", attributes.GROUP, attributes.GROUP_LATER),
        ("blockStep", attributes.BLOCK, attributes.BLOCK_LATER),
        ("inputStep", attributes.INPUT, attributes.INPUT_LATER),
        ("triggerStep", attributes.TRIGGER, attributes.TRIGGER_LATER),
    ],
)
def test_every_attribute_of_a_step_is_implemented_or_refused_by_name(
    kind: str, known: frozenset[str], later: frozenset[str]
) -> None:
    named = {attributes.ALIASES.get(name, name) for name in SCHEMA["definitions"][kind]["properties"]}

    assert named - known - later == set()
    assert known & later == set()


def test_every_attribute_at_the_top_is_implemented_or_refused_by_name() -> None:
    assert set(SCHEMA["properties"]) - attributes.TOP - attributes.TOP_LATER == set()


@pytest.mark.parametrize("kind", ["block", "input", "trigger"])
def test_each_kind_of_step_in_the_schema_is_told_apart(kind: str) -> None:
    assert f"{kind}Step" in SCHEMA["definitions"]

    (step,) = expand({"steps": [{kind: "x"}]}, ORIGIN).steps

    assert kind == type(step.body).__name__.lower()


@settings(max_examples=50, deadline=None)
@given(documents("abcd", "ef"))
def test_what_our_properties_build_is_what_buildkite_would_take(steps: list[Any]) -> None:
    """The pipelines that the other tests draw are valid ones."""
    jsonschema.validate({"steps": steps}, SCHEMA)
    expand({"steps": steps}, ORIGIN)
