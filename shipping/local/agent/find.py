"""Finding a Buildkite agent: the one the user names, PATH, our cache, and last of all building the version we test with."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError
from pipeline_gen.shell import LocalShell
from shipping.local.agent.build import build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline_gen.shell import Shell

# The newest version whose modules the public Go proxy serves whole; a newer one comes by SHIP_BUILDKITE_AGENT or PATH.
PINNED = "3.83.1"
VARIABLE = "SHIP_BUILDKITE_AGENT"
PROGRAM = "buildkite-agent"
VERSION_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A Buildkite agent that answered ``--version``, and where it was found."""

    path: Path
    version: str
    source: str


def cache_folder(env: Mapping[str, str]) -> Path:
    """Return where the suite keeps what can be made again, by the XDG rules (a relative value is ignored)."""
    named = env.get("XDG_CACHE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else _home(env) / ".cache"
    return base / "buildkite-ship"


def find(env: Mapping[str, str], *, say: Callable[[str], None], shell: Shell | None = None) -> Agent:
    """Return an agent, building one if none is found; ``say`` is told what is slow or was passed over.

    Raises UsageError if what SHIP_BUILDKITE_AGENT names is no agent, InfraError with the ways to get one if all fails.
    """
    shell = shell or LocalShell()
    found = where(env, say=say, shell=shell)
    if found is not None:
        return found
    built = build(
        cache_folder(env) / "agent", PINNED, env=env, say=say, works=lambda path: _version(path, shell) is not None
    )
    return _checked(built, "built", shell)


def where(env: Mapping[str, str], *, say: Callable[[str], None], shell: Shell | None = None) -> Agent | None:
    """Return the agent that is there already, without building; None if there is none."""
    shell = shell or LocalShell()
    named = env.get(VARIABLE)
    if named:
        return _named(named, env, shell)
    on_path = shutil.which(PROGRAM, path=env.get("PATH", ""))
    cached = cache_folder(env) / "agent" / PINNED / PROGRAM
    for path, source in ((on_path, "PATH"), (str(cached) if cached.exists() else None, "cache")):
        if path is None:
            continue
        version = _version(Path(path), shell)
        if version is not None:
            return Agent(path=Path(path).absolute(), version=version, source=source)
        say(f"passed over {path!r}: it does not answer --version as a Buildkite agent does")
    return None


def _named(named: str, env: Mapping[str, str], shell: Shell) -> Agent:
    path = Path(named).expanduser() if env.get("HOME") else Path(named)
    hint = f"set {VARIABLE} to the agent's executable, or unset it to let `ship local agent --which` find or build one"
    if not path.is_file() or not os.access(path, os.X_OK):
        raise UsageError(f"cannot use {VARIABLE}={named!r}: it is not an executable file", hint=hint)
    version = _version(path.absolute(), shell)
    if version is None:
        raise UsageError(
            f"cannot use {VARIABLE}={named!r}: it does not answer --version as a Buildkite agent does", hint=hint
        )
    return Agent(path=path.absolute(), version=version, source=VARIABLE)


def _checked(path: Path, source: str, shell: Shell) -> Agent:
    version = _version(path, shell)
    if version is None:
        raise InfraError(f"could not run the agent that was just built: {str(path)!r} does not answer --version")
    return Agent(path=path, version=version, source=source)


def _version(path: Path, shell: Shell) -> str | None:
    try:
        done = shell.run([str(path), "--version"], timeout=VERSION_TIMEOUT)
    except (InfraError, OSError):
        return None
    match = re.fullmatch(r"buildkite-agent version (\d+\.\d+\.\d+)\S*(, build \S+)?", done.text.strip())
    return match[1] if done.code == 0 and match else None


def _home(env: Mapping[str, str]) -> Path:
    return Path(env["HOME"]) if env.get("HOME") else Path.home()
