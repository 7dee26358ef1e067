"""What the demo shows: merges that come to production while customers write, one that must not, a pull request."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused
from shipping.demo.hops import Arrival, hops
from shipping.demo.production import Jobs, follow, serving
from shipping.demo.timeline import timeline
from shipping.demo.traffic import Traffic, kept, tally
from shipping.local.world import PullRequest
from shipping.local.world.deploying import bring_deploys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shipping.demo.production import Followed
    from shipping.demo.repository import SampleRepository
    from shipping.local.world import Build, World

PIPELINE = "inbox"
TIMEOUT = 600.0
OUTCOMES = {"passed": "green", "failed": "red"}

# File, text, what it becomes: a script that makes a layer of the slug, a template, a word of a page, an import of a module that
# nobody told the slug to keep, a function that a test holds to its word, and one whose result stays the same.
VENDORED = ("bin/vendor", 'echo "vendor: ', 'echo "vendored: ')
WIDER = ("inbox/templates/base.html", "max-width: 42rem", "max-width: 44rem")
WIDEST = ("inbox/templates/base.html", "max-width: 44rem", "max-width: 46rem")
UNKEPT = ("inbox/pages.py", "from inbox import accounts,", "import greeting  # noqa: F401\nfrom inbox import accounts,")
BROKEN = ("inbox/text.py", "noun if count == 1 else noun + 's'", "noun if count <= 1 else noun + 's'")
ORDERED = ("inbox/paging.py", "max(1, min(int(wanted), LARGEST_SIZE))", "min(max(1, int(wanted)), LARGEST_SIZE)")
EDITS = (VENDORED, WIDER, WIDEST, UNKEPT, BROKEN, ORDERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the acts are played on. ``database`` is the one that all hosts share."""

    world: World
    repository: SampleRepository
    database: Path
    say: Callable[[str], None]


def play(stage: Stage) -> None:
    """Play all acts. Raises Refused where one does not end as it should."""
    stage.world.create_pipeline(PIPELINE, stage.repository.root)
    bring_deploys(stage.world, stage.repository.root, PIPELINE, say=lambda _line: None)
    ship_the_first(stage)
    with Traffic(host.addresses["web"] for host in stage.world.hosts) as traffic:
        merged, one = ship_a_merge(stage, traffic)
        two = ship_an_app_only_merge(stage, traffic)
        refuse_what_does_not_boot(stage)
    count(stage, traffic, replaced=one.replaced + two.replaced)
    stop_a_broken_merge(stage)
    select_for_a_pull_request(stage, base=merged)


def ship_the_first(stage: Stage) -> None:
    """Ship what main has to hosts that run nothing yet."""
    stage.say("\n1. The first release: planned, tested, built, published, and run by three hosts\n")
    commit = stage.repository.git("rev-parse", "HEAD")
    _ship_to_production(stage, commit, "Inbox")
    stage.say("\n$ ship slug verify $(git rev-parse HEAD) --for main")
    _ship(stage, "slug", "verify", commit, "--for", "main")


def ship_a_merge(stage: Stage, traffic: Traffic) -> tuple[str, Followed]:
    """Merge a change of the app and of its dependencies' layer; return main's commit."""
    stage.say("\n2. A merge, while customers write: every host rolls, nobody notices\n")
    repository = stage.repository
    repository.git("checkout", "--quiet", "-b", "wider-pages")
    repository.replace(*VENDORED)
    repository.replace(*WIDER)
    repository.commit("Make pages wider")
    commit = repository.merge("wider-pages", "Merge pull request #1: Make pages wider")
    return commit, _ship_to_production(stage, commit, "Make pages wider", traffic)


def ship_an_app_only_merge(stage: Stage, traffic: Traffic) -> Followed:
    """Merge a change of the app alone: the slug has one new layer."""
    stage.say("\n3. Another merge, of the app alone: the slug's other layer is there already\n")
    stage.repository.replace(*WIDEST)
    commit = stage.repository.commit("Make pages wider still")
    return _ship_to_production(stage, commit, "Make pages wider still", traffic)


def refuse_what_does_not_boot(stage: Stage) -> None:
    """Merge a module that the slug does not keep: its tests pass, no host starts it, the old release serves on."""
    stage.say("\n4. A merge whose tests pass and which cannot start: every host refuses it\n")
    repository, before = stage.repository, serving(stage.world)
    (repository.root / "greeting.py").write_text('"""What pages say first."""\n')
    repository.replace(*UNKEPT)
    commit = repository.commit("Greet customers")
    build = stage.world.build(PIPELINE, commit=commit, message="Greet customers")
    stage.say(f"build {build.number}: {build.url}")
    followed = follow(stage.world, build, commit, stage.say)
    if followed.state != "failed" or serving(stage.world) != before:
        raise Refused(f"cannot go on: {commit[:12]} does not boot, and hosts took it", hint=f"look at {build.url}")
    stage.say(f"\n  red: {followed.deploy.url}")
    for line in _said(stage, followed.deploy):
        stage.say(f"  {line}")
    repository.revert()


def count(stage: Stage, traffic: Traffic, *, replaced: int) -> None:
    """Say what customers saw. Raises Refused where a request failed, or a comment is not there once."""
    stage.say("\nWhat customers saw of all that\n")
    found = tally(traffic.counted, kept(stage.database))
    for line in (*found.lines(), f"process groups replaced {replaced:3}"):
        stage.say(f"  {line}")
    if not found.ok:
        raise Refused("cannot call this a deploy without a dropped request: see above")


def stop_a_broken_merge(stage: Stage) -> None:
    """Merge a change that breaks a test; the build is red and its page names the test."""
    stage.say("\n5. A merge that breaks a test: red, and the test named\n")
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
    stage.say("\n6. A pull request: only the tests it can break\n")
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


def _ship_to_production(stage: Stage, commit: str, message: str, traffic: Traffic | None = None) -> Followed:
    build = stage.world.build(PIPELINE, commit=commit, message=message)
    stage.say(f"build {build.number}: {build.url}")
    followed = follow(stage.world, build, commit, stage.say)
    first = traffic.first(commit) if traffic else None
    stage.say("")
    for line in hops(followed.build, Arrival(flip=followed.flip, first=first, fleet=followed.fleet)):
        stage.say(f"  {line}")
    if followed.state != "passed":
        raise Refused(f"cannot go on: {commit[:12]} did not come to the hosts", hint=f"look at {followed.deploy.url}")
    return followed


def _said(stage: Stage, deploy: Build) -> list[str]:
    """Return what the deploy says of its end."""
    shown = "\n".join(str(annotation["body_html"]) for annotation in stage.world.annotations(deploy))
    return [line for line in unescape(re.sub("<[^>]*>", "", shown)).splitlines() if line.strip()]


def _build(stage: Stage, wanted: str, **asked: Any) -> Build:  # noqa: ANN401 - what World.build takes
    build = stage.world.build(PIPELINE, **asked)
    stage.say(f"build {build.number}: {build.url}")
    shown = stage.world.wait(build, timeout=TIMEOUT, each=Jobs(stage.say).look)
    stage.say("")
    for line in timeline(shown):
        stage.say(f"  {line}")
    if shown["state"] != wanted:
        raise Refused(
            f"cannot go on: build {build.number} ended {shown['state']!r}, not {wanted!r}", hint=f"look at {build.url}"
        )
    stage.say(f"\n  {OUTCOMES[wanted]}: {build.url}")
    return build


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
