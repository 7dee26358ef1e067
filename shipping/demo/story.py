"""What the demo shows, in three acts: a merge that ships, a merge that must not, a pull request that runs what it can break."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused
from shipping.demo.timeline import timeline
from shipping.local.world import PullRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shipping.demo.repository import SampleRepository
    from shipping.local.world import Build, World

PIPELINE = "inbox"
TIMEOUT = 600.0
OUTCOMES = {"passed": "green", "failed": "red"}

# File, text, what it becomes: a template, a function that a test holds to its word, and one whose result stays the same.
WIDER = ("inbox/templates/base.html", "max-width: 42rem", "max-width: 44rem")
BROKEN = ("inbox/text.py", "noun if count == 1 else noun + 's'", "noun if count <= 1 else noun + 's'")
ORDERED = ("inbox/paging.py", "max(1, min(int(wanted), LARGEST_SIZE))", "min(max(1, int(wanted)), LARGEST_SIZE)")
EDITS = (WIDER, BROKEN, ORDERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the acts are played on."""

    world: World
    repository: SampleRepository
    say: Callable[[str], None]


def play(stage: Stage) -> None:
    """Play all acts. Raises Refused where one does not end as it should."""
    stage.world.create_pipeline(PIPELINE, stage.repository.root)
    merged = ship_a_merge(stage)
    stop_a_broken_merge(stage)
    select_for_a_pull_request(stage, base=merged)


def ship_a_merge(stage: Stage) -> str:
    """Merge a change; its tests run in shards, its slug ends in every region's bucket. Return main's commit."""
    stage.say("\n1. A merge: planned, tested, built, published\n")
    repository = stage.repository
    repository.git("checkout", "--quiet", "-b", "wider-pages")
    repository.replace(*WIDER)
    repository.commit("Make pages wider")
    commit = repository.merge("wider-pages", "Merge pull request #1: Make pages wider")
    _build(stage, "passed", branch="main", commit=commit, message="Make pages wider")
    stage.say("\n$ ship slug verify $(git rev-parse HEAD) --for main")
    _ship(stage, "slug", "verify", commit, "--for", "main")
    return commit


def stop_a_broken_merge(stage: Stage) -> None:
    """Merge a change that breaks a test; the build is red and its page names the test."""
    stage.say("\n2. A merge that breaks a test: red, and the test named\n")
    repository = stage.repository
    repository.replace(*BROKEN)
    commit = repository.commit("Say 0 comment")
    build = _build(stage, "failed", branch="main", commit=commit, message="Say 0 comment")
    shown = "\n".join(annotation["body_html"] for annotation in stage.world.annotations(build))
    failed = sorted({word for word in _words(shown) if word.startswith("tests/") and "::" in word})
    if not failed:
        raise Refused("cannot find the failing test on the build's page", hint=f"look at {build.url}")
    stage.say("failed, as the page says:")
    for test in failed:
        stage.say(f"  {test}")


def select_for_a_pull_request(stage: Stage, *, base: str) -> None:
    """Open a pull request on the first merge; only the tests it can break run, and `explain` says why."""
    stage.say("\n3. A pull request: only the tests it can break\n")
    repository = stage.repository
    repository.git("checkout", "--quiet", "-b", "page-size", base)
    repository.replace(*ORDERED)
    commit = repository.commit("Say the bounds of a page in order")
    _build(
        stage,
        "passed",
        branch="page-size",
        commit=commit,
        message="Say the bounds of a page in order",
        pull_request=PullRequest(number=2),
    )
    stage.say("\n$ ship pipeline explain '*' --remote")
    _ship(stage, "pipeline", "explain", "*", "--remote")


def _build(stage: Stage, wanted: str, **asked: Any) -> Build:  # noqa: ANN401 - what World.build takes
    build = stage.world.build(PIPELINE, **asked)
    stage.say(f"build {build.number}: {build.url}")
    watch = _Watch(stage.say)
    shown = stage.world.wait(build, timeout=TIMEOUT, each=watch.look)
    stage.say("")
    for line in timeline(shown):
        stage.say(f"  {line}")
    if shown["state"] != wanted:
        raise Refused(
            f"cannot go on: build {build.number} ended {shown['state']!r}, not {wanted!r}", hint=f"look at {build.url}"
        )
    stage.say(f"\n  {OUTCOMES[wanted]}: {build.url}")
    return build


class _Watch:
    """Says each job's end once, with the seconds since the watch began."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begun = time.monotonic()
        self._told: set[str] = set()

    def look(self, build: Mapping[str, Any]) -> None:
        for job in build["jobs"]:
            if job["type"] != "script" or not job.get("finished_at") or job["id"] in self._told:
                continue
            self._told.add(job["id"])
            name = job.get("step_key") or job.get("name")
            self._say(f"  {time.monotonic() - self._begun:6.1f} s  {name} {job['state']}")


def _words(html: str) -> list[str]:
    for mark in "<>`\"'":
        html = html.replace(mark, " ")
    return html.split()


def _ship(stage: Stage, *arguments: str) -> None:
    """Run the `ship` that runs us, in the repository, as a person would with the world's variables."""
    env = {**os.environ, **stage.world.environment}
    argv = [sys.executable, "-m", "shipping.cli", *arguments]
    done = stage.repository.shell.run(argv, cwd=stage.repository.root, env=env)
    for line in done.text.splitlines():
        stage.say(line)
    if done.code != 0:
        raise Refused(f"cannot go on: ship {arguments[0]} {arguments[1]} said {done.complaint!r}")
