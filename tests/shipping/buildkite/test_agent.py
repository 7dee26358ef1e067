"""What is asked of `buildkite-agent`, and what its answers mean.

The program here says what agent 3.83.1 was seen to say; the end-to-end tests run the real one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.ports import KeyTakenError
from pipeline_gen.shell import LocalShell
from shipping.buildkite.agent import ANNOTATION_BYTES, Agent

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" > "$SEEN/argv"
cat > "$SEEN/stdin"
for last; do :; done
[ -f "$last" ] && cat "$last" > "$SEEN/file"
printf '%s' "$ERR" >&2
printf '%s' "$OUT"
exit "${CODE:-0}"
"""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A program in the agent's place: what it answers, and what it was given."""

    folder: Path

    def agent(self, *, out: str = "", err: str = "", code: int = 0) -> Agent:
        env = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "SEEN": str(self.folder),
            "OUT": out,
            "ERR": err,
            "CODE": str(code),
            "BUILDKITE_BUILD_ID": "build-1",
        }
        return Agent(LocalShell(), env)

    def seen(self, what: str) -> str:
        return (self.folder / what).read_text()

    @property
    def argv(self) -> list[str]:
        return self.seen("argv").splitlines()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "buildkite-agent").write_text(PROGRAM)
    (tmp_path / "buildkite-agent").chmod(0o755)
    return Stage(folder=tmp_path)


def failed(status: str, message: str) -> str:
    post = "POST http://127.0.0.1:1/v3/jobs/j/pipelines?async=true"
    return f"2026-11-23 fatal: Failed to upload and accept pipeline: {post}: {status}: {message}\n"


def test_a_pipeline_is_uploaded_from_a_file_without_interpolation(stage: Stage) -> None:
    """Literal values, nulls included, and nothing on standard input."""
    pipeline = {"steps": [{"command": "echo $HOME $$X", "plugins": [{"./p": {"a": None}}]}]}

    stage.agent().upload(pipeline)

    assert stage.argv[:3] == ["pipeline", "upload", "--no-interpolation"]
    assert json.loads(stage.seen("file")) == pipeline
    assert stage.seen("stdin") == ""
    assert not os.path.exists(stage.argv[3])  # noqa: PTH110


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("buildkite-agent version 3.83.1+x..dirty\n", (3, 83, 1)),
        ("buildkite-agent version 3.108.0+10400.8c2f6b9, build 10400\n", (3, 108, 0)),
        ("buildkite-agent version 4.0.0-beta.15\n", (4, 0, 0)),
    ],
)
def test_the_agents_version(stage: Stage, said: str, version: tuple[int, int, int]) -> None:
    """As releases, builds of one's own and betas say it."""
    assert stage.agent(out=said).version() == version
    assert stage.argv == ["--version"]
    with pytest.raises(InfraError, match="could not read the version"):
        stage.agent(out="hello").version()


@pytest.mark.parametrize("quoted", ['"plan:a"', '\\"plan:a\\"', "'plan:a'"])
def test_a_key_that_is_taken(stage: Stage, quoted: str) -> None:
    """Told by name: the caller knows whether it was itself."""
    message = f"The key {quoted} has already been used by another step in this build"
    agent = stage.agent(err=failed("422 Unprocessable Entity", message), code=1)

    with pytest.raises(KeyTakenError) as told:
        agent.upload({"steps": []})
    assert told.value.key == "plan:a"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("422 Unprocessable Entity", Refused),
        ("401 Unauthorized", Refused),
        ("429 Too Many Requests", InfraError),
        ("503 Service Unavailable", InfraError),
        ("dial tcp", InfraError),
    ],
)
def test_what_may_pass_is_infrastructure(stage: Stage, status: str, kind: type[Exception]) -> None:
    """Buildkite's no is an answer; the rest may be better next time."""
    with pytest.raises(kind, match="the reason"):
        stage.agent(err=failed(status, "the reason"), code=1).upload({"steps": []})


@pytest.mark.parametrize(
    ("out", "env"),
    [
        ('{"A": "1", "B": "x=y"}', {"A": "1", "B": "x=y"}),
        ('["A=1", "B=x=y"]', {"A": "1", "B": "x=y"}),
        ('"{\\"A\\": \\"1\\"}"', {"A": "1"}),
        ("null", {}),
        ('""', {}),
        ("", {}),
    ],
)
def test_the_env_of_a_step(stage: Stage, out: str, env: dict[str, str]) -> None:
    """However the server spells it."""
    assert stage.agent(out=out).step_env("shard") == env
    assert stage.argv == ["step", "get", "env", "--step", "shard", "--build", "build-1", "--format", "json"]


def test_an_env_that_is_none(stage: Stage) -> None:
    """A number is no env."""
    with pytest.raises(InfraError, match="could not read the env of step 'shard'"):
        stage.agent(out="7").step_env("shard")


def test_annotations_go_by_standard_input(stage: Stage) -> None:
    """Never on the command line, where everybody reads and lengths end."""
    stage.agent().annotate("# -héllo", context="tests", style="error")

    assert stage.argv == ["annotate", "--context", "tests", "--style", "error"]
    assert stage.seen("stdin") == "# -héllo"


def test_long_annotations_are_cut(stage: Stage) -> None:
    """At Buildkite's limit, between characters, and it says so."""
    stage.agent().annotate("é" * ANNOTATION_BYTES, context="tests", style="error")

    sent = (stage.folder / "stdin").read_bytes()
    assert ANNOTATION_BYTES - 2 <= len(sent) <= ANNOTATION_BYTES
    assert "the job's log has the rest" in sent.decode()


@pytest.mark.parametrize(("out", "value"), [("x", "x"), ("x\n", "x"), ("(ship: no such key)", None)])
def test_meta_data(stage: Stage, out: str, value: str | None) -> None:
    """Agent 4 ends the line, agent 3 does not; what nobody set is the default."""
    assert stage.agent(out=out).get_meta_data("key") == value
    stage.agent().set_meta_data("key", "-x\ny")
    assert stage.argv == ["meta-data", "set", "key"]
    assert stage.seen("stdin") == "-x\ny"


def test_artifacts(stage: Stage, tmp_path: Path) -> None:
    """Uploaded by glob, downloaded into a folder that is made; none is not an error."""
    stage.agent().upload_artifacts("a/*.xml", "b", cwd=tmp_path)
    assert stage.argv == ["artifact", "upload", "a/*.xml;b"]

    assert stage.agent().download_artifacts("a/*", tmp_path / "in", step="shard") is True
    assert stage.argv == ["artifact", "download", "a/*", f"{tmp_path}/in/", "--step", "shard"]

    assert stage.agent().download_artifacts("a/*", tmp_path / "in", retried=True) is True
    assert stage.argv[-1] == "--include-retried-jobs"

    none = "fatal: Failed to download artifacts: No artifacts found for downloading\n"
    assert stage.agent(err=none, code=1).download_artifacts("a/*", tmp_path / "in") is False
    with pytest.raises(InfraError, match="could not download artifacts"):
        stage.agent(err="fatal: disk full\n", code=1).download_artifacts("a/*", tmp_path / "in")


def test_no_agent(tmp_path: Path) -> None:
    """Said by name."""
    with pytest.raises(InfraError, match="'buildkite-agent'"):
        Agent(LocalShell(), {"PATH": str(tmp_path)}).annotate("x", context="c", style="info")
