"""The plugin as Buildkite sees it: its hook, its schema, its README."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

PLUGIN = Path(__file__).parent.parent.parent.parent / "plugins" / "slug"


def test_the_hook_calls_the_job(tmp_path: Path) -> None:
    """It passes on the job's exit status."""
    (tmp_path / "ship").write_text('#!/bin/sh\necho "$@"\nexit 3\n')
    (tmp_path / "ship").chmod(0o755)

    done = hook(f"{tmp_path}:{os.environ['PATH']}")

    assert (done.returncode, done.stdout) == (3, "job slug\n")


def test_an_agent_without_ship(tmp_path: Path) -> None:
    """Is red and says what is missing."""
    bash = shutil.which("bash")
    assert bash is not None
    (tmp_path / "bash").symlink_to(bash)

    done = hook(str(tmp_path))

    assert done.returncode == 2
    assert "ship is not on this agent's PATH" in done.stderr


def hook(path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(PLUGIN / "hooks/command")], env={"PATH": path}, capture_output=True, text=True, check=False
    )


def test_the_schema_is_strict() -> None:
    """Unknown options are faults; all that the job needs is required."""
    definition = yaml.safe_load((PLUGIN / "plugin.yml").read_text())

    assert set(definition) == {"name", "description", "author", "requirements", "configuration"}
    assert definition["configuration"]["additionalProperties"] is False
    assert set(definition["configuration"]["required"]) == set(definition["configuration"]["properties"])
    assert "type" not in definition["configuration"]


def test_the_readme_names_every_option_and_its_example_fits() -> None:
    """Options, and an example that the schema takes."""
    readme = (PLUGIN / "README.md").read_text()
    properties = yaml.safe_load((PLUGIN / "plugin.yml").read_text())["configuration"]["properties"]

    assert re.findall(r"^#### `(\w+)`", readme, re.MULTILINE) == list(properties)
    documents = [yaml.safe_load(block) for block in re.findall(r"```yaml\n+(.*?)\n+```", readme, re.DOTALL)]
    [plugin] = [plugin for one in documents for step in one.get("steps", []) for plugin in step["plugins"]]
    [(source, options)] = plugin.items()
    assert source.endswith("/slug")
    assert set(options) == set(properties)
    assert all(re.fullmatch(rule["pattern"], options[name]) for name, rule in properties.items() if "pattern" in rule)
