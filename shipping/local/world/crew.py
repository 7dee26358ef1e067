"""The children of one world: the control plane, the object store, the agents, the hosts' daemons; how each is started."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shipping.local.hosts.place import Place, addresses, read_env
from shipping.local.world.children import Child
from shipping.local.world.environment import agent_command, agent_environment, client_environment, inherited

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shipping.local.world.folder import Folder
    from shipping.local.world.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the services have told the agents: while it stays the same, a service's new incarnation is the old one to them."""

    control: Mapping[str, Any]
    objects: Mapping[str, Any]


class Crew:
    """All children of a world. Starts them and collects their ends; what follows from an end is the supervisor's to say."""

    def __init__(self, folder: Folder, options: Options, env: Mapping[str, str]) -> None:
        self._folder, self._options, self._env = folder, options, env
        self.control = Child(name="control", folder=folder)
        self.objects = Child(name="objects", folder=folder)
        self.agents = [Child(name=name, folder=folder) for name in options.names]
        self.places = {host.id: Place(state=folder.root, host=host) for host in options.hosts}
        # What a host rolls out serves on while its daemon is dead.
        self.hosts = [Child(name=name, folder=folder, outlived=True) for name in self.places]
        self.addresses: dict[str, dict[str, str]] = {}
        self._variables: dict[str, str] = {}
        self.given: Given | None = None

    @property
    def services(self) -> list[Child]:
        return [self.control, self.objects]

    @property
    def everyone(self) -> list[Child]:
        return [*self.services, *self.agents, *self.hosts]

    def start(self, child: Child) -> None:
        """Start the child's next incarnation; a service takes the port it had, where the others look for it."""
        if child in self.agents:
            self._start_agent(child)
        elif child in self.hosts:
            self._start_host(child)
        else:
            self._start_service(child)

    def told(self) -> Given | None:
        """Return what the services say now, None while one of them is not up."""
        facts = [
            self._folder.read(self._facts(child), pid=child.pid) for child in self.services if child.pid is not None
        ]
        if len(facts) < 2 or facts[0] is None or facts[1] is None:
            return None
        # The pid is the incarnation's, not the service's.
        return Given(control={**facts[0], "pid": None}, objects={**facts[1], "pid": None})

    def pids(self) -> dict[str, list[dict[str, Any]]]:
        """Return who is there, by kind, as the world's facts tell it."""
        return {
            "agents": [{"name": agent.name, "pid": agent.pid} for agent in self.agents],
            "hosts": [self._host(child) for child in self.hosts],
        }

    def reap(self) -> None:
        """Collect every process that ended below us, children and adopted orphans."""
        by_pid = {child.pid: child for child in self.everyone}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid in by_pid:
                    by_pid[pid].ended(os.waitstatus_to_exitcode(status))

    def _host(self, child: Child) -> dict[str, Any]:
        place = self.places[child.name]
        host, found = place.host, self.addresses.get(child.name, {})
        named = {"app": host.app, "region": host.region, "name": host.name}
        return {**named, "addresses": found, "folder": str(place.srv), "pid": child.pid}

    def _services_said(self) -> Given:
        self.given = self.given or self.told()
        if self.given is None:
            raise AssertionError("agents and hosts are started after the services")
        return self.given

    def _start_host(self, child: Child) -> None:
        objects = self._services_said().objects
        env = inherited(self._env)
        if not self.addresses:
            # Once: later its own sockets are on them, and a file that is gone by then must not end the world.
            self.addresses = addresses(self._folder.root, self._options.hosts)
            self._variables = {} if self._options.host_env is None else read_env(self._options.host_env)
        place = self.places[child.name]
        variables = {"PATH": env["PATH"], **self._variables}
        place.prepare(self.addresses.get(child.name, {}), variables, store=str(objects["access_key"]))
        argv = [sys.executable, "-P", "-m", "shipping.cli", "host", "daemon", "--config", str(place.configuration)]
        child.start(argv, env | client_environment(objects))

    def _start_agent(self, child: Child) -> None:
        given = self._services_said()
        control, objects = given.control, given.objects
        argv = agent_command(self._options.agent, self._folder, child.name, self._options.served, control["url"])
        child.start(argv, agent_environment(self._env, self._folder, control, objects))

    def _start_service(self, child: Child) -> None:
        self._facts(child).unlink(missing_ok=True)
        port = self._port(child)
        argv = [sys.executable, "-P", "-m", f"shipping.local.{child.name}", "--state", str(self._folder.root)]
        argv += ["--port", str(port)] if port else []
        if child is self.control:
            argv += ["--lost-after", str(self._options.lost_after)]
        else:
            argv += [part for bucket in self._options.buckets for part in ("--bucket", bucket)]
        child.start(argv, inherited(self._env))

    def _facts(self, child: Child) -> Path:
        return self._folder.control_facts if child is self.control else self._folder.objects_facts

    def _port(self, child: Child) -> int:
        """Return the port it had, or the one asked for; 0: any free one."""
        if self.given is None:
            return self._options.port if child is self.control else 0
        facts = self.given.control if child is self.control else self.given.objects
        return urlsplit(str(facts["url"])).port or 0
