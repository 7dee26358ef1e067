"""`ship slug`, as a person types it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from shipping.cli import run
from tests.objects import own_bucket
from tests.shipping.slug.shop import checkout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket

CONFIGURATION = """
app: inbox
bucket: {0}
regions:
  us: {{bucket: {0}}}
  eu: {{bucket: {1}}}
slug:
  layers:
    dependencies: {{inputs: [requirements.lock], run: python3 -IS install.py, keep: [vendor]}}
    app: {{keep: ["inbox/**", "bin/*"]}}
"""


@pytest.fixture
def buckets(objects: ObjectServer) -> Iterator[list[Bucket]]:
    with own_bucket(objects) as home, own_bucket(objects) as other:
        yield [home, other]


@pytest.fixture
def root(objects: ObjectServer, buckets: list[Bucket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = checkout(tmp_path / "checkout")
    (root / ".buildkite").mkdir()
    (root / ".buildkite/shipping.yml").write_text(CONFIGURATION.format(*(bucket.name for bucket in buckets)))
    (root / ".gitignore").write_text("vendor/\nruns\n")
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        git(root, *arguments)
    monkeypatch.chdir(root)
    for name, value in objects.environment.items():
        monkeypatch.setenv(name, value)
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.usefixtures("root")
def test_build_verify_fetch(buckets: list[Bucket], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a laptop: built for a pull request unless told otherwise, whole in both buckets, and back on a disk."""
    assert run(["slug", "build", "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert (built["domain"], [layer["reused"] for layer in built["layers"]]) == ("pr", [False, False])

    assert run(["slug", "verify", built["slug"], "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert [(one["bucket"], one["ok"]) for one in checked["buckets"]] == [(bucket.name, True) for bucket in buckets]

    assert run(["slug", "fetch", built["slug"], str(tmp_path / "out"), "--json"]) == 0
    fetched = json.loads(capsys.readouterr().out)
    assert fetched["files"] == 6
    assert (tmp_path / "out/inbox/static/index.html").read_text() == "<p>hello"


@pytest.mark.usefixtures("root")
def test_by_commit(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was released is found by its commit, with or without a configuration."""
    commit = git(root, "rev-parse", "HEAD")
    assert run(["slug", "verify", commit]) == 1
    assert "it was not released" in capsys.readouterr().err

    assert run(["slug", "build", "--domain", "main"]) == 0
    assert "2 of 2 buckets" in capsys.readouterr().out
    assert run(["slug", "verify", commit, "--for", "main"]) == 0
    assert capsys.readouterr().out.count("whole") == 2
    assert run(["slug", "fetch", commit, str(tmp_path / "out"), "--for", "main"]) == 0


def test_without_a_configuration(
    root: Path,
    buckets: list[Bucket],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A host knows its app and its bucket, nothing else."""
    run(["slug", "build", "--domain", "main"])
    commit = git(root, "rev-parse", "HEAD")
    monkeypatch.chdir(tmp_path)

    assert run(["slug", "fetch", "--app", "inbox", "--bucket", buckets[1].name, commit, "out"]) == 1
    assert run(["slug", "fetch", "--app", "inbox", "--bucket", buckets[0].name, commit, "out"]) == 0
    assert (tmp_path / "out/vendor/library.py").exists()
    capsys.readouterr()


@pytest.mark.usefixtures("root")
def test_a_slug_that_is_not_whole(buckets: list[Bucket], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, with the layer and the bucket."""
    run(["slug", "build", "--json"])
    built = json.loads(capsys.readouterr().out)
    for key in list(buckets[1].list("inbox/blobs/")):
        buckets[1].ask("delete_object", Key=key)

    assert run(["slug", "verify", built["slug"]]) == 1
    out = capsys.readouterr().out
    assert f"{buckets[0].name}: whole" in out
    assert f"{buckets[1].name}: not whole\n  cannot find layer 'dependencies'" in out


def test_a_dry_run_asks_nobody(
    root: Path, objects: ObjectServer, buckets: list[Bucket], capsys: pytest.CaptureFixture[str]
) -> None:
    """It builds and hashes; no request leaves the machine."""
    assert run(["slug", "build", "--dry-run", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["buckets"] == []
    assert objects.faults.seen(bucket=buckets[0].name) == []
    assert (root / "vendor/library.py").exists()


def test_uncommitted_changes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said; and never published for main."""
    (root / "inbox/web.py").write_text("edited")

    assert run(["slug", "build"]) == 0
    assert "1 uncommitted changes" in capsys.readouterr().err
    assert run(["slug", "build", "--domain", "main"]) == 1
    assert "ship slug build --domain pr" in capsys.readouterr().err


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("name", ["HEAD", "main", "abc", "g" * 64])
def test_a_name_that_is_neither(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and how to spell it."""
    assert run(["slug", "verify", name]) == 2
    assert f"git rev-parse {name}" in capsys.readouterr().err


@pytest.mark.usefixtures("root")
def test_wrong_credentials(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3, one message with a hint."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    assert run(["slug", "build"]) == 3
    assert "the credentials were refused" in capsys.readouterr().err
