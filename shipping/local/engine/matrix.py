"""One step, several jobs: every combination of a matrix's values, filled into the step for each job."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shipping.local.engine.kinds import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shipping.local.engine.records import Job, Step

MOST_DIMENSIONS = 6
MOST_ELEMENTS = 25
MOST_JOBS = 50
LONE = ""
"""The name of the one dimension of a plain list: ``{{matrix}}`` names none."""

MARK = re.compile(r"\{\{\s*matrix(?:\.([\w.\-]+))?\s*\}\}")
DIMENSION = re.compile(r"[A-Za-z0-9_]+")


def read(value: object) -> tuple[Mapping[str, str], ...]:
    """Return the combinations in their order, the last dimension changing fastest; raises ValueError."""
    if value is None:
        return ()
    setup = value
    if isinstance(value, dict):
        if "adjustments" in value:
            raise ValueError("with 'adjustments' is not implemented by the local Buildkite")
        if set(value) != {"setup"}:
            raise ValueError("must be a list, or a map with 'setup'")
        setup = value["setup"]
    dimensions = {LONE: setup} if isinstance(setup, list) else setup
    if not isinstance(dimensions, dict) or not dimensions:
        raise ValueError("must be a list of values, or map dimensions to lists of values")
    if len(dimensions) > MOST_DIMENSIONS:
        raise ValueError(f"must have at most {MOST_DIMENSIONS} dimensions")
    named = {str(name): _elements(str(name), elements) for name, elements in dimensions.items()}
    combinations = [dict(zip(named, values, strict=True)) for values in itertools.product(*named.values())]
    if len(combinations) > MOST_JOBS:
        raise ValueError(f"must make at most {MOST_JOBS} jobs, not {len(combinations)}")
    return tuple(combinations)


def _elements(name: str, value: object) -> tuple[str, ...]:
    if name != LONE and not DIMENSION.fullmatch(name):
        raise ValueError(f"dimension {name!r} must be letters, digits and _")
    where = f"dimension {name!r}" if name else "the list"
    if not isinstance(value, list) or not value:
        raise ValueError(f"{where} must be a list of at least one value")
    if len(value) > MOST_ELEMENTS:
        raise ValueError(f"{where} must have at most {MOST_ELEMENTS} values")
    if not all(isinstance(element, (str, int, bool)) for element in value):
        raise ValueError(f"{where} must have strings, numbers or booleans")
    return tuple(str(element).lower() if isinstance(element, bool) else str(element) for element in value)


def of_job(step: Step, job: Job) -> Mapping[str, str]:
    """Return the values of the job's combination by dimension (`LONE` for a plain list); none without a matrix."""
    body = step.body
    return body.matrix[job.index] if isinstance(body, Command) and body.matrix else {}


def command_of(step: Step, job: Job) -> Command | None:
    """Return what this job of the step runs, its values filled in; None if the step is no command."""
    if not isinstance(step.body, Command):
        return None
    return filled(step.body, of_job(step, job))


def filled(body: Command, values: Mapping[str, str]) -> Command:
    """Return the command with the values in all that may name them."""
    if not values:
        return body
    return replace(
        body,
        command=fill(body.command, values),
        env={name: fill(value, values) for name, value in body.env.items()},
        agents=tuple(fill(rule, values) for rule in body.agents),
        plugins=tuple(_fill_within(plugin, values) for plugin in body.plugins),
    )


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with each ``{{matrix}}`` replaced by its value."""
    if "{{" not in text or not values:
        return text
    return MARK.sub(lambda found: values.get(found[1] or LONE, found[0]), text)


def _fill_within(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - a plugin's configuration
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, dict):
        return {fill(str(name), values): _fill_within(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fill_within(inner, values) for inner in value]
    return value


def faults(label: str, body: Command) -> Iterator[str]:
    """Yield what is wrong between a step and its matrix: shares of its own, names of no dimension."""
    if not body.matrix:
        return
    if body.parallelism is not None:
        yield "attribute 'matrix' cannot be used together with 'parallelism'"
    if body.signature is not None:
        yield "attribute 'matrix' in a signed step is not implemented by the local Buildkite"
    known = body.matrix[0]
    for where, text in _texts(label, body):
        for found in MARK.finditer(text):
            if (found[1] or LONE) not in known:
                names = " or ".join(f"{{{{matrix.{name}}}}}" if name else "{{matrix}}" for name in known)
                yield f"attribute {where!r} names {found[0]!r}, the matrix has {names}"


def _texts(label: str, body: Command) -> Iterator[tuple[str, str]]:
    yield "label", label
    yield "command", body.command
    for value in body.env.values():
        yield "env", value
    for rule in body.agents:
        yield "agents", rule
    yield from (("plugins", text) for plugin in body.plugins for text in _strings(plugin))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
