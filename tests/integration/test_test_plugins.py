"""The plugins `test-shard` and `tests-complete` as Buildkite and its linter see them; their hooks run by a real bash."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

PLUGINS = Path(__file__).parents[2] / "plugins"
NAMES = ("test-shard", "tests-complete")


@pytest.mark.parametrize("name", NAMES)
def test_the_readmes_example_fits_the_plugins_own_schema(name: str) -> None:
    """As Buildkite's plugin linter checks it."""
    plugin = yaml.safe_load((PLUGINS / name / "plugin.yml").read_text())
    examples = re.findall(r"```ya?ml\n+(.*?)\n+```", (PLUGINS / name / "README.md").read_text(), re.DOTALL)
    used = [
        entry[f"./.buildkite/plugins/{name}"]
        for example in examples
        for step in yaml.safe_load(example)["steps"]
        for entry in step["plugins"]
    ]

    assert set(plugin) == {"name", "description", "author", "requirements", "configuration"}
    assert used != []
    assert [list(Draft7Validator(plugin["configuration"]).iter_errors(example)) for example in used] == [[]]
    options = set(plugin["configuration"]["properties"])
    assert options == set(re.findall(r"^\| `(\w+)` \|", (PLUGINS / name / "README.md").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_the_hook_runs_the_job_of_its_name_and_passes_its_status_on(name: str, tmp_path: Path) -> None:
    ship = tmp_path / "ship"
    ship.write_text('#!/bin/sh\necho "called: $*"\nexit 3\n')
    ship.chmod(0o755)

    done = hook(name, f"{tmp_path}{os.pathsep}{os.environ['PATH']}", tmp_path)

    assert (done.returncode, done.stdout) == (3, f"called: job {name}\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_launcher_of_the_repository_goes_before_the_agents_ship(name: str, tmp_path: Path) -> None:
    for path, says in ((tmp_path / "bin" / "ship", "agent"), (tmp_path / ".buildkite" / "ship", "launcher")):
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\necho "{says}: $*"\n')
        path.chmod(0o755)

    done = hook(name, f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", tmp_path)

    assert done.stdout == f"launcher: job {name}\n"


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_without_ship_is_told_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "bash").symlink_to("/bin/bash")

    done = hook(name, str(tmp_path), tmp_path)

    assert done.returncode == 2
    assert "ship is not on this agent's PATH" in done.stderr


def hook(name: str, path: str, checkout: Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/bash", str(PLUGINS / name / "hooks" / "command")]
    return subprocess.run(command, cwd=checkout, env={"PATH": path}, capture_output=True, text=True, check=False)
