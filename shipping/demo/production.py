"""A merge followed to the hosts: the build of main, the deploy that it triggers, and what each host runs meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError, Refused
from shipping.lane.ledger import Ledger
from shipping.local.hosts.running import running
from shipping.s3 import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shipping.local.hosts.running import Running
    from shipping.local.world import Build, World

APP, REGION = "inbox", "us"
BUCKET, DEPLOYS = "ship-inbox-us", "inbox-deploy-us"
TIMEOUT, LOOK = 600.0, 0.25
OVER = {"passed", "failed", "canceled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How a merge ended: its build, the ``deploy`` that it triggered and its ``state``.

    ``flip`` and ``fleet``: the moments at which production wanted it, and at which all hosts ran it and nothing else (None:
    they do not), in seconds since 1970. ``replaced``: the process groups that served before and do not any more.
    """

    build: Mapping[str, Any]
    deploy: Build
    state: str
    flip: float | None
    fleet: float | None
    replaced: int


@dataclass(slots=True)
class Jobs:
    """Says each job's end once, with the seconds since it began to look."""

    say: Callable[[str], None]
    begun: float = field(default_factory=time.monotonic)
    told: set[str] = field(default_factory=set)

    def look(self, build: Mapping[str, Any]) -> None:
        for job in build["jobs"]:
            if job["type"] == "script" and job.get("finished_at"):
                self.once(job["id"], f"{job.get('step_key') or job.get('name')} {job['state']}")

    def once(self, what: str, line: str) -> None:
        if what not in self.told:
            self.told.add(what)
            self.say(f"  {time.monotonic() - self.begun:6.1f} s  {line}")


def follow(world: World, build: Build, commit: str, say: Callable[[str], None]) -> Followed:
    """Wait until the deploy of a commit is over, and all hosts run it or refused it.

    Raises Refused where its build ends without a deploy, InfraError where it takes too long.
    """
    with connect(BUCKET, environment=world.environment) as bucket:
        sight = _Sight(world, build, commit, Ledger(bucket, app=APP, environment=REGION), Jobs(say))
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            followed = sight.look()
            if followed is not None:
                return followed
            time.sleep(LOOK)
    raise InfraError(f"could not see {commit[:12]!r} arrive within {TIMEOUT:g} s", hint=f"look at {build.url}")


class _Sight:
    """What was seen so far of one merge."""

    def __init__(self, world: World, build: Build, commit: str, ledger: Ledger, jobs: Jobs) -> None:
        self._world, self._build, self._commit, self._ledger, self._jobs = world, build, commit, ledger, jobs
        self._before = serving(world)
        self._deploy: Build | None = None
        self._flip: float | None = None

    def look(self) -> Followed | None:
        """Look once; return how it ended, None as long as it has not."""
        shown = self._world.show(self._build)
        self._jobs.look(shown)
        state = self._deployed(shown)
        if (
            self._flip is None
            and (pointer := self._ledger.read().pointer) is not None
            and pointer.commit == self._commit
        ):
            self._flip = time.time()
            self._jobs.once("flip", "the flip: production wants it")
        hosts = {host.name: running(host.folder) for host in self._world.hosts}
        arrived = [self._arrived(name, host) for name, host in hosts.items()]
        refused = [state == "failed" and self._refused(name, host) for name, host in hosts.items()]
        if self._deploy is None or not (all(refused) or (state == "passed" and all(arrived))):
            return None
        replaced = len(self._before - serving(self._world))
        fleet = time.time() if all(arrived) else None
        return Followed(build=shown, deploy=self._deploy, state=state, flip=self._flip, fleet=fleet, replaced=replaced)

    def _deployed(self, build: Mapping[str, Any]) -> str:
        """Return the state of the deploy, nothing where there is none yet."""
        if self._deploy is None:
            shown = next((one for one in self._world.builds(DEPLOYS, limit=5) if one["commit"] == self._commit), None)
            self._deploy = None if shown is None else self._world.find(DEPLOYS, int(shown["number"]))
        if self._deploy is not None:
            shown = self._world.show(self._deploy)
            self._jobs.look(shown)
            return str(shown["state"])
        if build["state"] in OVER:
            raise Refused(
                f"cannot go on: build {self._build.number} ended {build['state']!r} without a deploy",
                hint=f"look at {self._build.url}",
            )
        return ""

    def _arrived(self, name: str, host: Running) -> bool:
        """Tell whether all that runs on a host is of the commit, and its roll is over."""
        groups = {one.commit for one in host.groups if one.phase != "ended"}
        if host.commit != self._commit or host.roll != "complete" or groups != {self._commit}:
            return False
        self._jobs.once(name, f"{name} runs it")
        return True

    def _refused(self, name: str, host: Running) -> bool:
        if host.roll != "failed":
            return False
        self._jobs.once(name, f"{name} refuses it, and serves {(host.commit or 'nothing')[:12]} as before")
        return True


def serving(world: World) -> set[tuple[str, str]]:
    """Return the process groups that take requests or jobs now, each with its host."""
    return {
        (host.name, one.id) for host in world.hosts for one in running(host.folder).groups if one.phase == "serving"
    }
