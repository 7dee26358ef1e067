"""`ship buildkite sync`, as it is typed."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from shipping.buildkite.organization import ENDPOINT, TOKEN
from shipping.cli import run
from shipping.local.control import ControlInfo, running
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = "app: inbox\nsuites: [{name: unit}]\nbuildkite: {organization: local}\n"


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlInfo]:
    """An organization called `local`, where the environment says."""
    with running(tmp_path / "state") as info:
        monkeypatch.setenv(ENDPOINT, f"{info.url}/v2/")
        monkeypatch.setenv(TOKEN, info.api_token)
        yield info


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    Repository.create(root).commit("one", {".buildkite/shipping.yml": CONFIGURATION})
    subprocess.run(["git", "-C", str(root), "remote", "add", "origin", "git@git.example:acme/inbox.git"], check=True)
    monkeypatch.chdir(root)
    return root


@pytest.mark.usefixtures("root")
def test_twice(control: ControlInfo, capsys: pytest.CaptureFixture[str]) -> None:
    """The first run says what it changes, field by field; the second finds nothing to do. No token is printed."""
    assert run(["buildkite", "sync", "--dry-run"]) == 0
    assert run(["buildkite", "sync"]) == 0
    assert run(["buildkite", "sync"]) == 0

    out = capsys.readouterr().out
    assert "pipeline 'inbox': would create\n" in out
    assert "pipeline 'inbox': create\n" in out
    assert '  skip_queued_branch_builds_filter: nothing -> "!main"\n' in out
    assert out.endswith("pipeline 'inbox': as it must be\n")
    assert control.api_token not in out


@pytest.mark.usefixtures("root", "control")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(["buildkite", "sync"])
    capsys.readouterr()

    assert run(["buildkite", "sync", "--json", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "dry_run": True,
        "pipelines": [{"slug": "inbox", "action": "none", "changes": [], "notes": []}],
    }


@pytest.mark.usefixtures("control")
def test_what_is_missing_is_said_with_the_fix(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token, remote, a URL with a password in it, an address in the open, an organization, options that do not go along."""

    def told(*more: str) -> str:
        assert run(["buildkite", "sync", *more]) == 2
        return capsys.readouterr().err

    git = ["git", "-C", str(root), "remote"]
    with monkeypatch.context() as patch:
        patch.delenv(TOKEN)
        assert "export BUILDKITE_API_TOKEN" in told()
    with monkeypatch.context() as patch:
        patch.setenv(ENDPOINT, "http://api.buildkite.example/v2/")
        assert "is not https" in told()
    assert "cannot use --state without --local" in told("--state", "x")
    assert "ship local up" in told("--local", "--state", str(root / "none"))
    for url in ("https://someone:hunter2@git.example/x.git", "https://hunter2@git.example/x.git"):
        subprocess.run([*git, "set-url", "origin", url], check=True)
        said = told()
        assert ("holds a password" in said, "hunter2" in said) == (True, False)
    subprocess.run([*git, "remove", "origin"], check=True)
    assert "--repository" in told()
    (root / ".buildkite" / "shipping.yml").write_text("app: inbox\nsuites: [{name: unit}]\n")
    assert "buildkite: {organization: YOURS}" in told("--repository", "git@git.example:acme/inbox.git")


@pytest.mark.usefixtures("control")
def test_each_app_of_a_repository_has_a_pipeline_of_its_own(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which uploads the app's own file, where it has one."""
    for app in ("inbox", "outbox"):
        text = CONFIGURATION.replace("app: inbox", f"app: {app}")
        (root / ".buildkite" / f"shipping.{app}.yml").write_text(text)
    (root / ".buildkite" / "shipping.yml").unlink()
    (root / ".buildkite" / "pipeline.outbox.yml").write_text("steps: []\n")

    for app in ("inbox", "outbox"):
        assert run(["buildkite", "sync", "--app", app, "--json"]) == 0
    first, second = capsys.readouterr().out.split("\n}\n{\n")

    assert 'pipeline upload\\"\\n' in first
    assert 'pipeline upload .buildkite/pipeline.outbox.yml\\"\\n' in second
