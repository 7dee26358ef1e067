"""The one process that keeps a local world running, and leaves nothing behind when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline_gen.clock import rfc3339
from pipeline_gen.errors import InfraError
from shipping.local.hosts.ending import end_all
from shipping.local.processes import adopt_orphans, descendants, is_alive, table, this_process
from shipping.local.world.children import MOST_STARTS, WITHIN, Child
from shipping.local.world.connected import connected_agents
from shipping.local.world.crew import Crew
from shipping.local.world.environment import install_programs
from shipping.local.world.sweep import kill_all, remains, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shipping.local.processes import Process
    from shipping.local.world.folder import Folder, Holder
    from shipping.local.world.options import Options
    from shipping.local.world.signals import Signals

TICK = 0.5  # seconds between two looks at the process table; signals and children's ends come at once
START_TIMEOUT = 60.0
JOBS_GRACE = 5.0  # what running jobs are given to end after SIGTERM when the world stops
SERVICES_GRACE = 5.0
DAEMONS_GRACE = 3.0  # one that rolls does not hear of it: the next one goes on with that roll


class Supervisor:
    """Runs a world in this process until it is told to stop."""

    def __init__(self, folder: Folder, options: Options, *, env: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._folder, self._options, self._env, self._out = folder, options, env, say
        self._crew = Crew(folder, options, env)
        self._since = rfc3339(datetime.now(UTC))
        self._published: dict[str, list[dict[str, Any]]] | None = None
        self._given_up: set[str] = set()

    def run(self, signals: Signals, ready: Callable[[], None], *, left: Holder | None = None) -> None:
        """Run until ``signals`` say to stop, the owner ends or the state folder is gone; the caller holds the folder.

        ``left`` is the supervisor that was killed in it, if the last one was. ``ready`` is called once, when every agent has
        connected. Raises InfraError if the world does not come up, or if a service does not stay up.
        """
        adopt_orphans()
        count = sweep(self._folder, left)
        if count or left is not None:
            self._say(f"cleaned up after a run that was killed: {count} processes ended")
        install_programs(self._folder, self._options.agent, self._env)
        try:
            if self._come_up(signals):
                self._publish()
                ready()
            while not self._told_to_stop(signals):
                signals.wait(TICK)
                self._keep_up()
        finally:
            self._stop(signals)

    def _come_up(self, signals: Signals) -> bool:
        """Start everything in order; False if told to stop meanwhile."""
        for service in self._crew.services:
            self._crew.start(service)
        if not self._wait(signals, "the control plane and the object store", lambda: self._crew.told() is not None):
            return False
        for child in (*self._crew.hosts, *self._crew.agents):
            self._crew.start(child)
        return self._wait(signals, "the agents", self._all_connected)

    def _all_connected(self) -> bool:
        given = self._crew.given
        return given is not None and connected_agents(given.control) >= {agent.pid for agent in self._crew.agents}

    def _wait(self, signals: Signals, what: str, done: Callable[[], bool]) -> bool:
        """Wait for a stage of the start; whoever dies before the world is up keeps it from coming up."""
        deadline = time.monotonic() + START_TIMEOUT
        while not done():
            if self._told_to_stop(signals):
                return False
            self._crew.reap()
            dead = next((child for child in self._crew.everyone if child.code is not None), None)
            if dead is not None:
                raise InfraError(f"could not start {dead.name!r}: it ended with {dead.code}{_quoted(dead)}")
            if time.monotonic() > deadline:
                raise InfraError(f"could not start {what} within {START_TIMEOUT:g} s; see {self._folder.log('*')}")
            signals.wait(0.05)
        return True

    def _keep_up(self) -> None:
        """Notice who died, end what they left running, start them again."""
        self._crew.reap()
        entries = table()
        for child in self._crew.everyone:
            child.track(entries)
            if child.pid is None and child.name not in self._given_up:
                self._revive(child)
        told = self._crew.told()
        if told is not None and self._crew.given is not None and told != self._crew.given:
            self._say("a service came back with another address or other keys: restarting the agents")
            self._crew.given = told
            for agent in self._crew.agents:
                agent.signal(signal.SIGTERM)
            for host in self._crew.hosts:
                # Whatever it does is of the store that is gone, and may take long.
                host.signal(signal.SIGKILL)
        self._publish()

    def _revive(self, child: Child) -> None:
        count = kill_all(lambda: child.orphans(table()), self._crew.reap)
        if count:
            self._say(f"{child.name} ended with {child.code}: ended {count} processes that it left running")
        when = child.restart_at()
        if when is None:
            self._give_up(child)
        elif time.monotonic() >= when:
            self._say(f"{child.name} ended with {child.code}: starting it again")
            self._crew.start(child)

    def _give_up(self, child: Child) -> None:
        sentence = f"{child.name!r} ended {MOST_STARTS} times within {WITHIN:g} s{_quoted(child)}"
        if child in self._crew.services:
            raise InfraError(f"could not keep the local world up: {sentence}")
        self._given_up.add(child.name)
        self._say(f"gave up: {sentence}")

    def _publish(self) -> None:
        """Write what the world is for those outside, whenever somebody's pid has changed. Tokens are not in it."""
        pids, given = self._crew.pids(), self._crew.given
        if pids == self._published or given is None:
            return
        me = this_process()
        facts = {"schema": 1, "pid": me.pid, "started": me.started, "since": self._since, **pids}
        services = {"url": given.control["url"], "objects": given.objects["url"]}
        self._folder.publish({**facts, **services, "queues": self._options.served, "agent": str(self._options.agent)})
        self._published = pids

    def _told_to_stop(self, signals: Signals) -> bool:
        """True after a signal, after the owner's end, and when the state folder was removed: that is a way to say it too."""
        owner = self._options.owner
        return signals.stopping or (owner is not None and not is_alive(owner)) or self._folder.holder() is None

    def _stop(self, signals: Signals) -> None:
        """End jobs, agents and daemons, then services and groups, then what is left; a second signal hurries."""
        self._say("stopping")
        hurried = signals.stops + 1
        # SIGQUIT: cancel the running job and leave; SIGTERM would wait for the job's end.
        for children, number, grace in (
            (self._crew.agents, signal.SIGQUIT, JOBS_GRACE),
            (self._crew.hosts, signal.SIGTERM, DAEMONS_GRACE),
            (self._crew.services, signal.SIGTERM, SERVICES_GRACE),
        ):
            for child in children:
                child.signal(number)
            deadline = time.monotonic() + grace
            while any(child.pid for child in children) and time.monotonic() < deadline and signals.stops < hurried:
                signals.wait(0.05)
                self._crew.reap()
        with contextlib.suppress(InfraError):
            end_all(self._folder.root)  # not where a daemon rolls on: then its groups are killed with it
        count = kill_all(self._left, self._crew.reap)
        self._crew.reap()
        sweep(self._folder)
        self._say(f"stopped{f'; {count} processes had to be killed' if count else ''}")

    def _left(self) -> set[Process]:
        return remains(self._folder) | descendants({os.getpid()}, table())

    def _say(self, line: str) -> None:
        # The terminal may be gone, which is when we are told to stop: then nobody listens, and ending everything goes on.
        with contextlib.suppress(OSError):
            self._out(line)


def _quoted(child: Child) -> str:
    """Return the end of the child's log, indented, and where the rest is."""
    words = child.last_words()
    text = "".join(f"\n  {line}" for line in words.splitlines())
    return f"; {child.log} ends:{text}" if text else f"; {child.log} is empty"
