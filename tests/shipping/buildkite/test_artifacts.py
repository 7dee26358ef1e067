"""The store of a build without a bucket, over a stand-in for `buildkite-agent` that keeps artifacts in a folder.

tests/e2e runs it with the real agent.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from pipeline_gen.shell import LocalShell
from shipping.buildkite import Agent, ArtifactStore

if TYPE_CHECKING:
    from pathlib import Path

# What 3.83.1 does: globs over the whole path, relative paths kept, none found is a failure with these words.
PROGRAM = r"""#!/bin/bash
set -eu
kept=$(cd "$(dirname "$0")" && pwd)/artifacts
echo "$*" >> "$kept.calls"
[ -e "$kept.broken" ] && { echo "fatal: $(cat "$kept.broken")" >&2; exit 1; }
shopt -s globstar
if [ "$2" = upload ]; then
  IFS=';' read -ra patterns <<< "$3"
  for pattern in "${patterns[@]}"; do for file in $pattern; do cp --parents "$file" "$kept"; done; done
else
  found=0
  while read -r file; do
    if [[ $file == $3 ]]; then found=1; (cd "$kept" && cp --parents "$file" "$4"); fi
  done < <(cd "$kept" && find . -type f -printf '%P\n')
  [ $found = 1 ] || { echo "fatal: Failed to download artifacts: No artifacts found for downloading" >&2; exit 1; }
fi
"""
PLAN = "inbox/plans/b1/s1/d.json"
REPORT = "inbox/plans/b1/s1/d/reports/unit/{shard}/0-job.json"


class Build:
    """Each store is one job's; the folder is the build's artifacts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "artifacts").mkdir()
        (folder / "artifacts.calls").touch()
        (folder / "buildkite-agent").write_text(PROGRAM)
        (folder / "buildkite-agent").chmod(0o755)

    def job(self) -> ArtifactStore:
        return ArtifactStore(Agent(LocalShell(), os.environ, program=str(self.folder / "buildkite-agent")))

    def calls(self) -> list[str]:
        return [" ".join(line.split()[:3]) for line in (self.folder / "artifacts.calls").read_text().splitlines()]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path)


def body(store: ArtifactStore, key: str) -> bytes | None:
    stored = store.get(key)
    return None if stored is None else stored.body


def test_what_one_job_keeps_another_reads(build: Build) -> None:
    """Under the folder that people see; once read, it is not asked for again."""
    assert build.job().create(PLAN, b"plan") is True

    other = build.job()

    assert [body(other, PLAN), body(other, PLAN)] == [b"plan", b"plan"]
    assert build.calls() == [f"artifact upload ship/{PLAN}", f"artifact download ship/{PLAN}"]


def test_what_was_kept_by_this_job_needs_no_question(build: Build) -> None:
    store = build.job()
    store.create(PLAN, b"plan")

    assert body(store, PLAN) == b"plan"
    assert len(build.calls()) == 1


def test_nothing_there_is_no_error(build: Build) -> None:
    assert build.job().get(PLAN) is None
    assert list(build.job().list("inbox/plans/b1/")) == []


def test_all_reports_come_in_one_download(build: Build) -> None:
    """In the order of their keys, also of jobs that were retried since, and reading them asks nothing more."""
    for shard in (10, 2, 1):
        build.job().create(REPORT.format(shard=shard), str(shard).encode())
    before = len(build.calls())
    store = build.job()

    keys = list(store.list("inbox/plans/b1/s1/d/reports/unit/"))
    bodies = [body(store, key) for key in keys]

    assert keys == [REPORT.format(shard=shard) for shard in (1, 10, 2)]
    assert bodies == [b"1", b"10", b"2"]
    assert build.calls()[before:] == ["artifact download ship/inbox/plans/b1/s1/d/reports/unit/*"]
    assert (build.folder / "artifacts.calls").read_text().endswith("--include-retried-jobs\n")


def test_files_go_along_in_the_same_upload(build: Build, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    (folder / "junit").mkdir(parents=True)
    (folder / "junit" / "unit-0.xml").write_text("<testsuites/>")

    build.job().create_among(PLAN, b"plan", folder, "junit/*.xml")

    assert body(build.job(), PLAN) == b"plan"
    assert (build.folder / "artifacts" / "junit" / "unit-0.xml").exists()
    assert build.calls()[0] == f"artifact upload ship/{PLAN};junit/*.xml"


def test_what_is_for_other_builds_goes_nowhere_and_is_absent(build: Build) -> None:
    """No call is spent on it, and nobody who writes it loses against anybody."""
    store = build.job()

    assert store.create("inbox/releases/abc/release.json", b"x") is True
    assert store.replace("inbox/suites/unit/durations.json", b"x", version=None)
    assert store.get("inbox/releases/abc/release.json") is None
    assert list(store.list("inbox/suites/")) == []
    assert build.calls() == []


def test_an_agent_that_fails_is_infrastructure(build: Build) -> None:
    """Never taken for "nothing there"."""
    (build.folder / "artifacts.broken").write_text("Failed to download artifacts: Get https://agent: 503 Busy")

    for action in (lambda: build.job().get(PLAN), lambda: list(build.job().list("inbox/plans/b1/"))):
        with pytest.raises(InfraError, match="503 Busy"):
            action()
    with pytest.raises(InfraError):
        build.job().create(PLAN, b"plan")
