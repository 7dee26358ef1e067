"""The files that a repository commits: configuration, pipeline.yml, launcher, plugins."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from pipeline_gen import config
from pipeline_gen.errors import Faults, ShipError, UsageError
from pipeline_gen.suites.durations import COMMITTED
from shipping.doctor.finding import Finding, flat, ok, unknown, warn, wrong
from shipping.launcher import LAUNCHER, LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline_gen.config import Config
    from pipeline_gen.shell import Shell

PIPELINE = ".buildkite/pipeline.yml"
UPLOAD = ["pipeline", "upload"]
# What stands between two commands of a line; of those, only a pipe hides the first one's failure.
_BETWEEN = re.compile(r"\|\||&&|[|;&]")


def configuration(root: Path, app: str | None) -> tuple[Config | None, list[Finding]]:
    """Return the configuration, None where it cannot be used, and what is to be said of it: one line for each fault."""
    check = "configuration"
    try:
        path = config.find(root, app)
        found = config.load(path)
    except Faults as error:
        name = str(error.document).removeprefix(f"{root}/")
        return None, [wrong(check, f"{name}: {fault}", f"edit {name}") for fault in error.faults]
    except ShipError as error:
        return None, [wrong(check, flat(error.message), "ship init")]
    suites = ", ".join(suite.name for suite in found.suites) or "none"
    return found, [ok(check, f"{path.relative_to(root)}: app {found.app!r}, suites: {suites}")]


def pipeline(root: Path, file: str = PIPELINE) -> Iterator[Finding]:
    """Whether builds begin with our one step, in a form whose failure is seen. ``file`` holds the pipeline."""
    check = "pipeline.yml"
    fix = f"write into {file}: steps: [{{label: plan, key: plan, command: ship pipeline upload}}]"
    try:
        commands = list(_commands(config.read(root / file)))
    except UsageError as error:
        yield wrong(check, flat(error.message), "ship init" if not (root / file).exists() else f"edit {file}")
        return
    calls = [line for line in commands if _calls_upload(line)]
    if not calls:
        yield wrong(check, f"{file} has no step that runs `ship pipeline upload`", fix)
    elif any("|" in _between(line) for line in calls):
        yield wrong(check, f"{file} runs it in a pipe, where a generator that fails leaves the build green", fix)
    else:
        yield ok(check, f"runs `{calls[0].strip()}`")


def _commands(document: object) -> Iterator[str]:
    """Yield the lines of every command of a pipeline, those in groups too."""
    steps = document.get("steps") if isinstance(document, dict) else document
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict):
            given = step.get("command") or step.get("commands") or ()
            for command in [given] if isinstance(given, str) else given:
                yield from str(command).splitlines()
            yield from _commands(step)


def _calls_upload(line: str) -> bool:
    return any(_program(part) is not None for part in _BETWEEN.split(line))


def _program(part: str) -> str | None:
    """Return how ship is called in a command, None if it is not `ship pipeline upload`."""
    try:
        words = shlex.split(part)
    except ValueError:
        return None
    return words[0] if words[1:3] == UPLOAD and words[0].rpartition("/")[2] == "ship" else None


def _between(line: str) -> list[str]:
    return _BETWEEN.findall(line)


def committed(shell: Shell, root: Path) -> Finding:
    """Whether agents see what one sees here."""
    done = shell.run(["git", "-C", str(root), "status", "--porcelain", "--", ".buildkite"])
    changed = [line[3:] for line in done.text.splitlines()]
    if done.code != 0:
        return unknown("committed", f"git does not answer: {done.complaint}", "run ship doctor in a git repository")
    if not changed:
        return ok("committed", "all of .buildkite")
    return warn(
        "committed",
        f"agents do not see changes of {', '.join(changed[:3])}{', ...' if len(changed) > 3 else ''}",
        "git add .buildkite && git commit",
    )


def launcher(shell: Shell, root: Path, file: str = PIPELINE) -> Iterator[Finding]:
    """Whether the launcher, where the repository has one, can be run by an agent that has just cloned it."""
    check, there = "launcher", (root / LAUNCHER).exists()
    if not there:
        if _wants_launcher(root / file):
            yield wrong(check, f"{file} runs {LAUNCHER}, which is not there", "ship init")
        else:
            yield ok(check, "none: every agent must have ship on its PATH")
        return
    done = shell.run(["git", "-C", str(root), "ls-files", "--stage", "--", LAUNCHER])
    if done.text.startswith("100644") or not os.access(root / LAUNCHER, os.X_OK):
        yield wrong(
            check, f"{LAUNCHER} is not executable", f"git update-index --chmod=+x {LAUNCHER} && chmod +x {LAUNCHER}"
        )
    elif not (root / LOCK).exists():
        yield warn(check, f"without {LOCK} it brings ship to no agent that has none", "ship init --lock")
    else:
        yield ok(check, f"pins ship {pinned(root) or 'of no version'}")


def pinned(root: Path) -> str | None:
    """Return the version that the repository's launcher pins, None where it pins none."""
    try:
        found = re.search(r'^readonly PINNED="(.+)"$', (root / LAUNCHER).read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None


def _wants_launcher(file: Path) -> bool:
    try:
        commands = list(_commands(config.read(file)))
    except UsageError:
        return False
    parts = [part for line in commands for part in _BETWEEN.split(line)]
    return any((_program(part) or "").endswith(LAUNCHER) for part in parts)


def plugins(root: Path, found: Config) -> Iterator[Finding]:
    """Whether every plugin that the generated steps use is there, with hooks that an agent can run."""
    check = "plugins"
    if found.plugins.version is not None:
        yield ok(check, f"from {found.plugins.source} at {found.plugins.version}")
        return
    folder = root / found.plugins.source
    faults = [fault for name in _used(found) if (fault := _plugin_fault(folder / name))]
    for fault in faults:
        yield wrong(check, f"{found.plugins.source}/{fault}", "ship init --vendor")
    if not faults:
        yield ok(check, f"{', '.join(_used(found))} in {found.plugins.source}")


def _used(found: Config) -> list[str]:
    used = ["test-shard", "tests-complete"] if found.suites else []
    if any(suite.select != "off" for suite in found.suites):
        used.append("record-coverage")
    return [*used, "slug"] if found.slug is not None else used


def _plugin_fault(plugin: Path) -> str:
    hooks = sorted((plugin / "hooks").glob("*")) if (plugin / "hooks").is_dir() else []
    if not (plugin / "plugin.yml").is_file() or not hooks:
        return f"{plugin.name} is not there: the step would run its own command, and fail"
    closed = [hook.name for hook in hooks if not os.access(hook, os.X_OK)]
    return f"{plugin.name}/hooks/{closed[0]} is not executable: agents pass over it" if closed else ""


def durations(root: Path, found: Config) -> Iterator[Finding]:
    """Whether parts are balanced by what tests took: without a bucket the repository itself must know."""
    if found.bucket is None and found.suites:
        if (root / COMMITTED).exists():
            yield ok("durations", f"from {COMMITTED}")
        else:
            yield warn("durations", f"there is no {COMMITTED}: parts are balanced by size", "ship suites record")
