"""The Buildkite organization: the token, the pipelines, clusters and queues, agents, teams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Faults, ShipError
from shipping.doctor import clock as clocks
from shipping.doctor import programs
from shipping.doctor.finding import Finding, flat, ok, unknown, warn, wrong
from shipping.pipelines import sync
from shipping.pipelines.difference import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline_gen.clock import Clock
    from pipeline_gen.config import Config
    from shipping.buildkite.organization import Organization
    from shipping.pipelines.desired import Desired

TOKENS = "https://buildkite.com/user/api-access-tokens"
BUILDS = frozenset({"build_and_read", "manage_build_and_read"})


class Patient:
    """One examination. What the token may not ask is not asked: the finding about it names the scope."""

    def __init__(self, organization: Organization, config: Config, pipelines: Sequence[Desired], clock: Clock) -> None:
        self.organization = organization
        self.config = config
        self.pipelines = pipelines
        self.clock = clock
        self.scopes: frozenset[str] = frozenset()

    def examine(self) -> Iterator[Finding]:
        """Yield what there is to say; without a token that is good, nothing more is asked."""
        try:
            self.scopes = self.organization.scopes()
        except ShipError as error:
            yield wrong("token", flat(error.message), flat(error.hint or "ship doctor, once Buildkite answers"))
            return
        yield clocks.skew(self.clock, "Buildkite", self.organization.rest.client.server_time)
        yield from self._token()
        yield from self._asking("pipelines", ("read_pipelines",), self._pipelines)
        yield from self._asking("agents", ("read_agents",), self._agents)
        if self.config.buildkite.cluster is not None:
            yield from self._asking("cluster", ("read_clusters",), self._cluster)
        if self.config.buildkite.teams:
            yield from self._asking("teams", ("read_teams",), self._teams)

    def _asking(self, check: str, scopes: tuple[str, ...], ask: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        lacking = [scope for scope in scopes if scope not in self.scopes]
        if lacking:
            yield unknown(
                check, f"the token may not ask (scope {', '.join(lacking)})", f"add it to the token: {TOKENS}"
            )
            return
        try:
            yield from ask()
        except ShipError as error:
            yield wrong(check, flat(error.message), flat(error.hint or "try again"))

    def _token(self) -> Iterator[Finding]:
        needed = {"read_pipelines", "write_pipelines"}
        if self.config.buildkite.cluster is not None:
            needed.add("read_clusters")
        if self.config.buildkite.teams:
            needed |= {"read_teams", "write_teams"}
        lacking = sorted(needed - self.scopes)
        if lacking:
            text = f"lacks {', '.join(lacking)}, which `ship buildkite sync` needs"
            query = "&".join(f"scopes[]={scope}" for scope in sorted(needed | self.scopes))
            yield wrong("token", text, f"add the scopes, or make another: {TOKENS}/new?{query}")
        else:
            yield ok("token", f"has {', '.join(sorted(needed))}")

    def _pipelines(self) -> Iterator[Finding]:
        # Clusters and teams have checks of their own; here their names need no ids.
        for desired in self.pipelines:
            plain = replace(desired, cluster=None, teams={})
            found = sync.read(self.organization, plain, sync.Names(clusters={}, teams={}))
            difference = compare(plain, found)
            check = f"pipeline {desired.slug}"
            if difference.action == "create":
                yield wrong(check, f"is not in {self.organization.slug!r}", "ship buildkite sync")
            elif difference.action == "update":
                yield warn(check, "; ".join(map(str, difference.changes)), "ship buildkite sync")
            else:
                yield ok(check, "its settings are as they must be")

    def _agents(self) -> Iterator[Finding]:
        agents = self.organization.agents()
        yield from programs.connected((str(agent.get("version", "")) for agent in agents), self.config)
        served = {queue for agent in agents for queue in _queues(agent)}
        for queue in self._used():
            if queue in served:
                yield ok(f"queue {queue}", f"{sum(queue in _queues(agent) for agent in agents)} agents")
            else:
                yield wrong(f"queue {queue}", "no agent serves it", f"buildkite-agent start --tags queue={queue}")

    def _used(self) -> list[str]:
        config = self.config
        used = {config.buildkite.queue("plan")}
        if config.suites:
            used.add(config.buildkite.queue("tests"))
        if config.slug is not None:
            used.add(config.buildkite.queue("slug"))
        return sorted(used)

    def _cluster(self) -> Iterator[Finding]:
        name = self.config.buildkite.cluster or ""
        there = {str(one["name"]): one for one in self.organization.clusters()}
        if name not in there:
            known = ", ".join(sorted(there)) or "none"
            page = f"https://buildkite.com/organizations/{self.organization.slug}/clusters"
            yield wrong("cluster", f"there is no {name!r} (there: {known})", f"create it ({page}), or name another")
            return
        yield ok("cluster", name)
        queues = {str(one["key"]): one for one in self.organization.queues(str(there[name]["id"]))}
        for queue in self._used():
            if queue not in queues:
                known = ", ".join(sorted(queues)) or "none"
                yield wrong(
                    f"queue {queue}",
                    f"the cluster {name!r} has no such queue (it has: {known}): its jobs would wait for ever",
                    "create it, or name one of the cluster's: buildkite: {queues: {plan: ..., tests: ...}}",
                )
            elif queues[queue].get("dispatch_paused"):
                yield warn(f"queue {queue}", "it is paused: no job is handed out", "resume it on the queue's page")

    def _teams(self) -> Iterator[Finding]:
        wanted = self.config.buildkite.teams
        try:
            names = sync.look_up(self.organization, [replace(one, cluster=None) for one in self.pipelines])
        except Faults as error:
            for fault in error.faults:
                yield wrong("teams", str(fault), flat(error.hint or ""))
            return
        for desired in self.pipelines:
            pipeline = self.organization.pipeline(desired.slug)
            if pipeline is None:
                continue
            have = {team: self.organization.access(names.teams[team], str(pipeline["id"])) for team in wanted}
            off = [
                f"{team} has {have[team] or 'no access'}, not {level}"
                for team, level in wanted.items()
                if have[team] != level
            ]
            if off:
                yield wrong(f"teams of {desired.slug}", "; ".join(off), "ship buildkite sync")
            elif not BUILDS & set(have.values()):
                yield warn(
                    f"teams of {desired.slug}",
                    "no team may build: nobody but an administrator starts, triggers or retries",
                    "give one of buildkite/teams build_and_read, then: ship buildkite sync",
                )
            else:
                yield ok(f"teams of {desired.slug}", ", ".join(f"{team} {level}" for team, level in wanted.items()))


def _queues(agent: dict[str, Any]) -> set[str]:
    """Return the queues that an agent serves; one that names none serves the default one."""
    tags = [str(tag) for tag in agent.get("meta_data") or ()]
    named = {tag.removeprefix("queue=") for tag in tags if tag.startswith("queue=")}
    return named or {"default"}
