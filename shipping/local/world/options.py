"""What a local world is asked to be."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from shipping.local.hosts.roster import Host
from shipping.local.processes import Process

DEFAULT_QUEUE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``agent`` is the Buildkite agent's executable; ``owner`` is the process whose end ends the world (None: nobody's).

    ``buckets`` exist in the object store from the start. ``hosts`` run releases, ``host_env`` is the file of variables that
    their processes get. An agent silent for ``lost_after`` seconds is lost (they call
    every five).
    """

    state: Path
    agent: Path
    agents: int = 4
    queues: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    hosts: tuple[Host, ...] = ()
    host_env: Path | None = None
    port: int = 0
    lost_after: float = 20.0
    owner: Process | None = None

    def with_agent(self, agent: Path) -> Options:
        return replace(self, agent=agent)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"ship-local-{number}" for number in range(1, self.agents + 1))

    @property
    def served(self) -> tuple[str, ...]:
        """The queues that every agent serves."""
        return tuple(dict.fromkeys((DEFAULT_QUEUE, *self.queues)))


def dumps(options: Options) -> str:
    """Return the options as one argument for a supervisor in the background; nothing in them is secret."""
    owner = options.owner and [options.owner.pid, options.owner.started]
    facts = {"state": str(options.state), "agent": str(options.agent), "agents": options.agents, "owner": owner}
    hosts = {
        "hosts": [host.to_json() for host in options.hosts],
        "host_env": None if options.host_env is None else str(options.host_env),
    }
    return json.dumps(
        facts
        | hosts
        | {"queues": options.queues, "buckets": options.buckets, "port": options.port, "lost_after": options.lost_after}
    )


def loads(text: str) -> Options:
    """Return the options that `dumps` wrote."""
    facts = json.loads(text)
    owner = facts["owner"] and Process(pid=facts["owner"][0], started=facts["owner"][1])
    return Options(
        state=Path(facts["state"]),
        agent=Path(facts["agent"]),
        agents=facts["agents"],
        queues=tuple(facts["queues"]),
        buckets=tuple(facts["buckets"]),
        hosts=tuple(Host.from_json(host) for host in facts["hosts"]),
        host_env=None if facts["host_env"] is None else Path(facts["host_env"]),
        port=facts["port"],
        lost_after=facts["lost_after"],
        owner=owner,
    )
