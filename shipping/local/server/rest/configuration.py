"""The steps that a pipeline's settings hold: YAML, or one step that uploads the repository's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from shipping.local.engine.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

UPLOAD = "steps:\n  - label: ':pipeline:'\n    command: buildkite-agent pipeline upload\n"


def document(configuration: str) -> object:
    """Return the parsed YAML; raises Rejection with where it is wrong."""
    try:
        return yaml.safe_load(configuration or UPLOAD)
    except (yaml.YAMLError, RecursionError) as error:
        raise Rejection(f"The configuration is not YAML: {' '.join(str(error).split())}") from None


def of_visual_steps(steps: Sequence[object]) -> str:
    """Return the YAML for steps as the old visual editor (and pybuildkite's default) describes them."""
    written: list[Any] = []
    for step in steps:
        if not isinstance(step, dict):
            raise Rejection("'steps' must be a list of maps")
        match step.get("type", "script"):
            case "script":
                written.append({name: value for name, value in step.items() if name != "type" and value is not None})
            case "waiter":
                written.append("wait")
            case kind:
                raise Rejection(f"steps of type {kind!r} are not implemented by the local Buildkite")
    return str(yaml.safe_dump({"steps": written}, sort_keys=False))
