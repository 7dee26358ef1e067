"""The text of the files that `ship init` writes: the smallest that work, with a word on each line that a person may change."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shipping.adopt.found import FoundApp, FoundSuite

WIDE = 44
_PLAIN = re.compile(r"[A-Za-z_./][\w./+=-]*")
_WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginsFrom:
    """A git address and a version of it, where plugins are not vendored."""

    source: str
    version: str


def configuration(app: FoundApp, *, main_branch: str, plugins: PluginsFrom | None, home: str) -> str:
    """Return the text of `shipping.yml`. ``home`` is where every key is explained."""
    lines = [
        "# What a build of this app has. See it before anything runs: ship pipeline preview",
        f"# Every key, and what it is for: {home}",
        f"app: {scalar(app.name)}",
    ]
    if main_branch != "main":
        lines.append(f"main_branch: {scalar(main_branch)}")
    if plugins is not None:
        lines.append(f"plugins: {{source: {scalar(plugins.source)}, version: {scalar(plugins.version)}}}")
    lines += ["", "suites:"]
    for suite in app.suites:
        lines += _suite(suite)
    if not app.suites:
        lines += _unknown()
    lines += [
        "",
        "# One S3 bucket gives builds a memory: durations of the last ones, and `select`, which runs what a change can break.",
        "# bucket: acme-ship",
    ]
    return "\n".join(lines) + "\n"


def pipeline(*, app: str | None) -> str:
    """Return the text of `pipeline.yml`: one step, no pipe. ``app`` is named where the repository has several."""
    command = ".buildkite/ship pipeline upload" + (f" --app {app}" if app else "")
    return f"""\
# The one step that is written by hand: it adds the others, made for this very change from shipping.yml.
steps:
  - label: ":pipeline: plan"
    key: plan
    command: {command}
    timeout_in_minutes: 10
    retry:
      automatic:
        - {{exit_status: -1, limit: 2}} # the agent was lost
        - {{exit_status: 3, limit: 2}} # infrastructure; nothing is left half done
"""


def scalar(value: str) -> str:
    """Return a text as YAML reads it back: plain where that is the same."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML:
        return value
    return json.dumps(value, ensure_ascii=False)


def _suite(suite: FoundSuite) -> Iterable[str]:
    for note in suite.notes:
        yield f"  # {note}"
    yield _said(
        f"  - name: {scalar(suite.name)}", f"{suite.tests} test file{'s' if suite.tests > 1 else ''}; {suite.why}"
    )
    if suite.command:
        yield "    runner: command"
    if suite.setup.python:
        yield _said(f"    python: {scalar(suite.setup.python)}", "the interpreter that the tests run in")
    if suite.setup.argv:
        yield _said(f"    setup: {_list(suite.setup.argv)}", f"once per job; from {suite.setup.why}")
    if suite.command:
        yield f"    command: {json.dumps(suite.command, ensure_ascii=False)}"
        yield f"    files: {_list(suite.files)}"
    else:
        yield f"    paths: {_list(suite.paths)}"
    yield _said("    target: 3m", "how long the tests of a shard should take: decides how many there are")


def _unknown() -> Iterable[str]:
    yield "  # No tests were found that ship knows how to run. Any runner that writes JUnit will do: fill in, take the # away."
    yield "  # - name: unit"
    yield "  #   runner: command"
    yield '  #   command: "run-my-tests --junit={junit} {file}"'
    yield '  #   files: "tests/**"'
    yield "  #   target: 3m"


def _said(line: str, comment: str) -> str:
    return f"{line:<{WIDE}} # {comment}"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(scalar(value) for value in values)}]"
