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
        told = {name: value for name, value in step.items() if name != "type" and value is not None}
        match step.get("type", "script"):
            case "script":
                written.append(told)
            case "waiter":
                written.append({"wait": None, **told})
            case "manual":
                written.append({"block": None, **told})
            case "trigger":
                written.append(_visual_trigger(told))
            case kind:
                raise Rejection(f"steps of type {kind!r} are not implemented by the local Buildkite")
    return str(yaml.safe_dump({"steps": written}, sort_keys=False))


def _visual_trigger(told: dict[str, Any]) -> dict[str, Any]:
    """Return a trigger step by its YAML names; what else it says is checked as any step's."""
    names = {"trigger_project_slug": "trigger", "trigger_async": "async"}
    build = {
        name: told.pop(f"trigger_{name}") for name in ("branch", "commit", "message") if told.get(f"trigger_{name}")
    }
    step: dict[str, Any] = {"trigger": None} | {names.get(name, name): value for name, value in told.items()}
    return {**step, "build": build} if build else step
