"""The programs of this machine: ship itself, and the agent where there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError
from pipeline_gen.version import version
from shipping.doctor.finding import Finding, ok, unknown, warn, wrong
from shipping.jobs.plan import SUBDIRECTORIES_SINCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline_gen.config import Config
    from pipeline_gen.shell import Shell

TESTED = (3, 83, 1)
"""The agent that every test of ours runs; nothing is used that it lacks."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
Version = tuple[int, int, int]


def ship(pinned: str | None) -> Finding:
    """Whether this ship is the one that the repository pins: agents run the pinned one."""
    mine = version()
    if pinned is None or pinned == mine:
        return ok("ship", mine)
    return warn(
        "ship", f"this is {mine}, the launcher pins {pinned}", f"pip install buildkite-ship=={pinned}, or ship init"
    )


def agent(shell: Shell, env: Mapping[str, str], config: Config | None) -> Finding:
    """Whether this machine's agent, if it has one, can do what the steps need."""
    program = env.get("SHIP_BUILDKITE_AGENT") or "buildkite-agent"
    try:
        done = shell.run([program, "--version"], env=dict(env), timeout=20.0)
    except InfraError:
        return unknown("agent", "this machine has none", "only machines that build need one")
    found = number(done.text)
    if done.code != 0 or found is None:
        return wrong(
            "agent", f"{program!r} does not tell its version: {done.complaint}", "reinstall the Buildkite agent"
        )
    return judged("agent", shown(found), [found], config)


def judged(check: str, what: str, versions: list[Version], config: Config | None) -> Finding:
    """Judge the oldest of some agents' versions."""
    oldest = min(versions)
    if config is not None and config.plugins.version is not None and oldest < SUBDIRECTORIES_SINCE:
        return wrong(
            check,
            f"{shown(oldest)} clones plugins from a folder of a repository and never runs them",
            f"update agents to {shown(SUBDIRECTORIES_SINCE)}, or: plugins: {{source: .buildkite/plugins}}",
        )
    if oldest < TESTED:
        return warn(
            check, f"{shown(oldest)} is older than what is tested", f"update agents to {shown(TESTED)} or newer"
        )
    return ok(check, what)


def number(text: str) -> Version | None:
    """Return the first version in a text."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def shown(found: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, found))


def connected(versions: Iterable[str], config: Config | None) -> Iterator[Finding]:
    """Judge the agents that are connected."""
    known = [found for one in versions if (found := number(one)) is not None]
    if known:
        lowest, highest = shown(min(known)), shown(max(known))
        spread = lowest if lowest == highest else f"{lowest} to {highest}"
        yield judged("agents", f"{len(known)} connected, version {spread}", known, config)
