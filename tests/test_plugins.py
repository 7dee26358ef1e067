"""What Buildkite sees: every plugin is whole, its README's example is valid, and what the generator emits is too."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shipping.cli.job import JOBS
from tests.pipeline_gen.test_pipelines_app import flat, plan

PLUGINS = Path(__file__).parent.parent / "plugins"
NAMES = sorted(path.name for path in PLUGINS.iterdir())


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PLUGINS / name / "plugin.yml").read_text())
    return found


def schema(name: str) -> dict[str, Any]:
    # No `type: object`: the plugin linter would then refuse an example without configuration.
    return {**definition(name)["configuration"], "type": "object"}


def test_each_plugin_has_a_job_and_each_job_a_plugin() -> None:
    """A hook calls `ship job <its folder's name>`."""
    assert sorted(JOBS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_plugin_is_defined_as_the_linter_asks(name: str) -> None:
    """Name, description, author, requirements; a strict configuration in which every required option is described."""
    found = definition(name)

    assert found["name"].lower().replace(" ", "-") == name
    assert {"name", "description", "author", "requirements", "configuration"} == set(found)
    assert found["requirements"] == ["ship"]
    assert found["configuration"]["additionalProperties"] is False
    assert set(found["configuration"]["required"]) <= set(found["configuration"]["properties"])
    jsonschema.Draft7Validator.check_schema(found["configuration"])


@pytest.mark.parametrize("name", NAMES)
def test_a_plugins_hook_is_a_few_lines_that_call_its_job(name: str) -> None:
    """Executable, strict, and clear about an agent without `ship`."""
    hook = PLUGINS / name / "hooks" / "command"
    text = hook.read_text()

    assert os.stat(hook).st_mode & stat.S_IXUSR  # noqa: PTH116
    assert text.startswith("#!/usr/bin/env bash\nset -euo pipefail\n")
    assert text.endswith(f'"$ship" job {name}\n')
    assert "command -v ship" in text
    assert len(text.splitlines()) <= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_readme_documents_every_option_and_its_example_is_valid(name: str) -> None:
    """The example is what people copy."""
    readme = (PLUGINS / name / "README.md").read_text()
    steps = [yaml.safe_load(block) for block in re.findall(r"```ya?ml\n+(.*?)\n+```", readme, re.DOTALL)]
    examples = [
        configuration
        for document in steps
        if isinstance(document, dict)
        for step in document.get("steps", [])
        for plugin in step["plugins"]
        for source, configuration in plugin.items()
        if source.endswith(f"/{name}")
    ]

    assert examples != []
    for example in examples:
        jsonschema.validate(example, schema(name))
    for option in definition(name)["configuration"]["properties"]:
        assert f"`{option}`" in readme


def test_what_the_generator_emits_is_what_the_plugins_take() -> None:
    """Every step of a large build, held against its plugin's configuration."""
    emitted = flat(plan(shards={"unit": 1350, "js": 3}, select="on", deploys=("us", "eu")))

    assert "conclude" in emitted
    for step in emitted.values():
        if "trigger" in step:
            continue
        ((source, configuration),) = step["plugins"][0].items()
        jsonschema.validate(configuration, schema(source.rpartition("/")[2]))
