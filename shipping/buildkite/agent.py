"""The running job's `buildkite-agent`, run as a program: what every agent since 3.83 can do, nothing newer."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.ports import KeyTakenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.errors import ShipError
    from pipeline_gen.shell import Done, Shell

PROGRAM = "buildkite-agent"
# Seconds. The agent itself repeats a failed call for minutes; past that, Buildkite's retry of the job is the better one.
TIMEOUT = 600.0
ANNOTATION_BYTES = 1024 * 1024

_KEY_TAKEN = re.compile(r"key \\?[\"'](?P<key>[^\"'\\]+)\\?[\"'] has already been used", re.IGNORECASE)
_VERSION = re.compile(r"version (?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)")
_STATUS = re.compile(r": (?P<status>[45]\d\d) ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Agent:
    """An `Uploader`, and what else a job says to its build. ``env`` is the job's environment: it holds the job's token.

    Every method raises InfraError where the agent could not do it, Refused where Buildkite says no.
    """

    def __init__(
        self, shell: Shell, env: Mapping[str, str], *, program: str = PROGRAM, cwd: Path | None = None
    ) -> None:
        self._shell = shell
        self._env = dict(env)
        self._program = program
        self._cwd = cwd

    # -- the port ------------------------------------------------------------------------------------------------------

    def upload(self, pipeline: Mapping[str, Any]) -> None:
        """Add the steps, literally. From a file: behind a pipe a generator that fails uploads nothing and stays green."""
        with tempfile.TemporaryDirectory(prefix="ship-") as folder:
            file = Path(folder) / "pipeline.json"
            file.write_text(json.dumps(pipeline))
            done = self._run("pipeline", "upload", "--no-interpolation", str(file))
        if done.code == 0:
            return
        taken = _KEY_TAKEN.search(_words(done))
        if taken:
            raise KeyTakenError(taken["key"])
        raise _failure("upload the pipeline", done)

    def step_env(self, key: str) -> Mapping[str, str]:
        """Return the ``env`` of a step in this build, empty where it has none."""
        build = self._env.get("BUILDKITE_BUILD_ID", "")
        out = self._must(
            f"read the env of step {key!r}", "step", "get", "env", "--step", key, "--build", build, "--format", "json"
        )
        return _env_of(key, out.text.strip())

    def version(self) -> tuple[int, int, int]:
        """Return the version of this job's agent."""
        said = self._must("ask the agent for its version", "--version").text
        found = _VERSION.search(said)
        if found is None:
            raise InfraError(f"could not read the version of {self._program!r}: it said {said.strip()[:60]!r}")
        return int(found["major"]), int(found["minor"]), int(found["patch"])

    def annotate(self, body: str, *, context: str, style: str) -> None:
        """Show Markdown on the build's page; the same context replaces. The body goes by standard input, cut to 1 MiB."""
        self._must(
            f"annotate the build ({context!r})",
            "annotate",
            "--context",
            context,
            "--style",
            style,
            stdin=_fitting(body.encode()),
        )

    # -- what jobs leave for each other --------------------------------------------------------------------------------

    def get_meta_data(self, key: str, default: str | None = None) -> str | None:
        """Return a value of the build's meta-data, ``default`` where nobody set it."""
        # The agent cannot tell an empty default from none given, hence a word that no value is.
        absent = "(ship: no such key)"
        out = self._must(f"read meta-data {key!r}", "meta-data", "get", key, "--default", absent).text
        found = out.removesuffix("\n")  # v4 ends the line, v3 does not
        return default if found == absent else found

    def set_meta_data(self, key: str, value: str) -> None:
        """Set a value of the build's meta-data; the last write wins."""
        # By standard input, never argv: values may begin with a dash, and be long.
        self._must(f"write meta-data {key!r}", "meta-data", "set", key, stdin=value.encode())

    def upload_artifacts(self, *patterns: str, cwd: Path | None = None) -> None:
        """Upload files by glob; their artifact paths are relative to ``cwd``."""
        self._must(f"upload artifacts {patterns}", "artifact", "upload", ";".join(patterns), cwd=cwd)

    def download_artifacts(
        self, pattern: str, destination: Path, *, step: str | None = None, retried: bool = False
    ) -> bool:
        """Download artifacts of this build into a folder; False where none matches.

        ``step``: of this step only. ``retried``: also what jobs left that were tried again since.
        """
        destination.mkdir(parents=True, exist_ok=True)
        scope = (*(("--step", step) if step else ()), *(("--include-retried-jobs",) if retried else ()))
        done = self._run("artifact", "download", pattern, f"{destination}/", *scope)
        if done.code != 0 and "no artifacts found" in _words(done).lower():
            return False
        if done.code != 0:
            raise _failure(f"download artifacts {pattern!r}", done)
        return True

    # -- the edge ------------------------------------------------------------------------------------------------------

    def _run(self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> Done:
        argv = [self._program, *arguments]
        return self._shell.run(argv, cwd=cwd or self._cwd, env=self._env, stdin=stdin, timeout=TIMEOUT)

    def _must(self, action: str, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> Done:
        done = self._run(*arguments, stdin=stdin, cwd=cwd)
        if done.code != 0:
            raise _failure(action, done)
        return done


def _words(done: Done) -> str:
    return _COLOURS.sub("", (done.err + b"\n" + done.out).decode(errors="replace"))


def _failure(action: str, done: Done) -> ShipError:
    """Return the error for what the agent printed: Refused for a 4xx of Buildkite's, InfraError for all that may pass."""
    lines = [line.strip() for line in _words(done).splitlines() if line.strip()]
    complaint = lines[-1] if lines else f"exit status {done.code}"
    found = _STATUS.search(complaint)
    status = int(found["status"]) if found else 0
    if 400 <= status < 500 and status != 429:
        return Refused(f"cannot {action}: {complaint}")
    return InfraError(f"could not {action}: {complaint}")


def _env_of(key: str, text: str) -> dict[str, str]:
    """Read the step's env: a mapping, or, from servers that keep what was uploaded, a list of NAME=value."""
    found = json.loads(text) if text else None
    if isinstance(found, str):  # quoted once more with --format json
        found = json.loads(found) if found else None
    if found is None:
        return {}
    if isinstance(found, list):
        return dict(str(entry).partition("=")[::2] for entry in found)
    if isinstance(found, dict):
        return {str(name): str(value) for name, value in found.items()}
    raise InfraError(f"could not read the env of step {key!r}: found {text[:60]!r}")


def _fitting(body: bytes) -> bytes:
    if len(body) <= ANNOTATION_BYTES:
        return body
    end = b"\n\n(cut: Buildkite takes 1 MiB; the job's log has the rest)\n"
    return body[: ANNOTATION_BYTES - len(end)].decode(errors="ignore").encode() + end
