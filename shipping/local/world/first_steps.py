"""What a pipeline's settings say: the first step, which uploads what the commit describes. On Buildkite a person types it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from pipeline_gen.errors import UsageError
from shipping.local.world.client import UPLOAD

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_gen.git import Git

PLACES = tuple(
    f"{stem}.{suffix}"
    for stem in ("buildkite", ".buildkite/pipeline", "buildkite/pipeline")
    for suffix in ("yml", "yaml", "json")
)
"""Where `buildkite-agent pipeline upload` looks."""
SUFFIXES = ("yml", "yaml", "json")
LAUNCHER = ".buildkite/ship"
# What is written here, and may be written again: any other configuration is somebody's own, and stays.
OURS = re.compile(r'steps:\n  - label: ":pipeline: upload"\n    command: "[^"\n]*"\n')


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps:
    """A pipeline's settings, and the ``file`` of the commit that its first step uploads, if it is one."""

    configuration: str
    file: str | None = None


def first_steps(git: Git, commit: str, app: str, *, folder: Path) -> FirstSteps:
    """Return the first step of a pipeline whose settings are ours to write. Raises UsageError where nothing would follow.

    An app's own pipeline file goes before the repository's; where there is neither, its configuration is enough.
    ``folder`` is where a person would write one: what lies there uncommitted is told.
    """
    there = set(git.files(commit, ".buildkite", "buildkite", *(place for place in PLACES if "/" not in place)))
    own = [name for suffix in SUFFIXES if (name := f".buildkite/pipeline.{app}.{suffix}") in there]
    if own:
        return _running(f"buildkite-agent pipeline upload {own[0]}", file=own[0])
    common = [place for place in PLACES if place in there]
    if len(common) > 1:
        raise UsageError(
            f"cannot build {app!r}: commit {commit[:7]} has {' and '.join(common)}, and the agent takes only one",
            hint=f"git rm {common[1]}",
        )
    if common:
        return FirstSteps(configuration=UPLOAD, file=common[0])
    ship = LAUNCHER if LAUNCHER in there else "ship"
    if f".buildkite/shipping.{app}.yml" in there:
        return _running(f"{ship} pipeline upload --app {app}")
    if ".buildkite/shipping.yml" in there:
        return _running(f"{ship} pipeline upload")
    raise _nothing_to_upload(folder, commit, app)


def is_ours(pipeline: dict[str, Any]) -> bool:
    """Say whether the pipeline's steps were written here, so that they may be written again."""
    return OURS.fullmatch(str(pipeline.get("configuration", ""))) is not None


def left_out(git: Git, commit: str, file: str) -> str:
    """Return what the agent will not upload of the file, in words; nothing where it takes all of it."""
    count = 1 if file.endswith(".json") else _documents(git.show(commit, file) or b"")
    return (
        f"{file} has {count} documents: buildkite-agent 3.83 uploads the first alone, newer ones each"
        if count > 1
        else ""
    )


def question(configuration: str) -> str | None:
    """Return what kind of step the pipeline begins with if that asks a person (input, block), None if it does not."""
    try:
        read = yaml.safe_load(configuration)
    except yaml.YAMLError:
        return None
    steps = read.get("steps") if isinstance(read, dict) else read
    first = steps[0] if isinstance(steps, list) and steps else None
    if isinstance(first, dict):
        return next((kind for kind in ("input", "block") if kind in first or first.get("type") == kind), None)
    return None


def _documents(text: bytes) -> int:
    """Return how many YAML documents a text has; what it says is not asked, it may be wrong."""
    lines = text.decode(errors="replace").splitlines()
    marks = [number for number, line in enumerate(lines) if line.rstrip() == "---" or line.startswith("--- ")]
    begins = any(line.strip() and not line.lstrip().startswith("#") for line in lines[: marks[0]]) if marks else True
    return len(marks) + begins


def _running(command: str, *, file: str | None = None) -> FirstSteps:
    return FirstSteps(configuration=f'steps:\n  - label: ":pipeline: upload"\n    command: "{command}"\n', file=file)


def _nothing_to_upload(folder: Path, commit: str, app: str) -> UsageError:
    message = f"cannot build {app!r}: commit {commit[:7]} has no .buildkite/pipeline.yml"
    if any((folder / place).is_file() for place in PLACES):
        return UsageError(f"{message}, though the folder has one", hint="commit it, or: ship local build --worktree")
    return UsageError(
        message,
        hint="write one, the smallest is: mkdir -p .buildkite && "
        "echo 'steps: [{command: make test}]' > .buildkite/pipeline.yml",
    )
