"""Buildkite's published pipeline schema, as an oracle for everything we emit.

It is a syntax oracle only: it knows nothing of unique keys, dependencies or limits, which `pipeline_gen.lint` does. Where it
lags Buildkite's documentation: it has no `checkout` attribute, no `submit` of a block, no `parallelism` of a trigger, and
`signal` of an automatic retry is a text only. We emit none of these today.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import files
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Mapping


@cache
def _validator() -> jsonschema.protocols.Validator:
    # Read from the package's files: importing buildkite_sdk takes longer than all that is validated here.
    (schema,) = [file for file in files("buildkite-sdk") or [] if file.name == "schema.json"]
    return jsonschema.Draft7Validator(json.loads(schema.read_text()))


def assert_valid(pipeline: Mapping[str, Any]) -> None:
    """Fail with the schema's most telling complaint if Buildkite would not accept the pipeline's shape."""
    problem = complaint(pipeline)
    assert problem is None, problem


def complaint(pipeline: Mapping[str, Any]) -> str | None:
    """Return the schema's most telling complaint, None where it has none."""
    problem = jsonschema.exceptions.best_match(_validator().iter_errors(pipeline))
    return None if problem is None else f"{list(problem.absolute_path)}: {problem.message}"
