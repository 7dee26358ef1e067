"""`ship doctor`, as it is typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shipping.buildkite.organization import ENDPOINT, TOKEN
from shipping.cli import run
from shipping.local.control import running
from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    ".buildkite/shipping.yml": "app: inbox\nsuites: [{name: unit}]\nbuildkite: {organization: local}\n",
    ".buildkite/pipeline.yml": "steps: [{command: ship pipeline upload}]\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "repository"
    repository = Repository.create(root)
    repository.commit("one", FILES)
    repository.git("remote", "add", "origin", "git@git.example:acme/inbox.git")
    monkeypatch.chdir(root)
    monkeypatch.delenv(TOKEN, raising=False)
    return root


@pytest.mark.usefixtures("root")
def test_without_a_token_it_says_what_it_could_not_check(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 for what is wrong all the same: here the plugins are not there."""
    assert run(["doctor"]) == 1

    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert "ok      configuration: .buildkite/shipping.yml: app 'inbox', suites: unit" in lines
    assert any(line.startswith("unknown token: ") and "export BUILDKITE_API_TOKEN" in line for line in lines)
    assert any(line.startswith("wrong   plugins: ") and "fix: ship init --vendor" in line for line in lines)
    assert "checks found something wrong" in told.err


def test_json_and_a_token(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts for programs; the token is in none of them."""
    with running(tmp_path / "state") as control:
        monkeypatch.setenv(ENDPOINT, f"{control.url}/v2/")
        monkeypatch.setenv(TOKEN, control.api_token)
        assert run(["buildkite", "sync"]) == 0
        capsys.readouterr()
        assert run(["doctor", "--json", "--repo", str(root)]) == 1

    out = capsys.readouterr().out
    said = {one["check"]: one["state"] for one in json.loads(out)["findings"]}
    assert (said["token"], said["pipeline inbox"], said["queue default"], said["clock"]) == ("ok", "ok", "wrong", "ok")
    assert control.api_token not in out


def test_a_configuration_of_no_use_ends_in_what_was_not_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fault is a line; outside of a repository there is nothing to look at."""
    (root / ".buildkite" / "shipping.yml").write_text("app: 3\nsuites: 4\n")

    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert out.count("wrong   configuration: ") == 3
    assert "unknown queues: there is no configuration to compare with" in out
    assert run(["doctor", "--repo", str(root.parent)]) == 2
