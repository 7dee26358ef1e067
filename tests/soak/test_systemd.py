"""What only a real systemd can show of its driver: PID 1 of its own namespaces, so as root, so not in `make test`.

The suite of both drivers runs over it beside this (`make soak`, SHIP_DRIVER=systemd).
"""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_gen.config import Process
from pipeline_gen.errors import InfraError
from shipping.host.rolls import Release
from shipping.host.systemd import Systemd
from shipping.records.process import ProcessType
from tests.integration.test_host_daemon import SERVER, answers, command, configured
from tests.shipping.host.hosts import Host, a_host, free_port, until
from tests.shipping.host.site import open_site
from tests.systemd.world import a_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shipping.local.objects import ObjectServer
    from tests.systemd import World

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
ANYBODYS_PYTHON = "/usr/bin/python3"
# One by one, so that systemd looks at the socket after each, and within the 2 s in which it counts.
KILL_EACH = "import os, sys, time\nfor one in sys.argv[1:]: os.kill(int(one), 9); time.sleep(0.04)"
TELL = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


@pytest.fixture
def host(world: World, tmp_path: Path) -> Iterator[Host]:
    with a_host(tmp_path / "host", world=world) as made:
        yield made


def driver(world: World, folder: Path, *, user: str = "root", env: dict[str, str] | None = None) -> Systemd:
    given = {"PATH": "/usr/bin:/bin", **(env or {})}
    return Systemd(
        folder, name="soak", user=user, addresses={}, env=given, units=world.units, systemctl=world.systemctl
    )


def printed(made: Systemd, release: Path, *argv: str) -> str:
    """Run a command as a group until it ends, and return what it printed."""
    worker = ProcessType(name="worker", command=argv, drain=5)
    group = made.start(Release(commit="c%one", folder=release, processes=(worker,)), worker, 0)
    until(lambda: not made.groups()[0].alive)
    told = made.tail(group)
    assert made.ended(group) == "exit status 0", told
    made.forget(made.groups()[0])
    return told


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXT, min_size=10, max_size=60), st.lists(TEXT, min_size=10, max_size=60))
def test_any_argument_and_any_variable_reach_a_command_as_they_are(
    world: World, arguments: list[str], values: list[str]
) -> None:
    """Specifiers, variables, quotes, newlines, emoji; in a folder whose own name is made of them."""
    variables = {f"V{number}": value for number, value in enumerate(values)}
    with tempfile.TemporaryDirectory() as parent:
        release = Path(parent) / "rele%ase $HOME"
        release.mkdir()
        folder = Path(parent) / "100% [a]*? b"
        with driver(world, folder, env=variables) as made:
            python = (sys.executable, "-I", "-S", "-X", "utf8", "-c", TELL)
            found, env = json.loads(printed(made, release, *python, *arguments))

    assert found == arguments
    assert {name: env[name] for name in variables} == variables


def test_a_group_runs_as_its_user_and_its_secrets_are_nobodys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a unit file says everybody can read."""
    monkeypatch.setattr(sys, "executable", ANYBODYS_PYTHON)  # this one may be in a home that is closed to others
    look = (
        "import os; print(os.getuid(), [l for l in open('/proc/self/status') if 'NoNewPrivs' in l], os.environ['KEY'])"
    )
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent) / "run"
        with driver(world, folder, user="nobody", env={"KEY": "s3cret"}) as made:
            told = printed(made, Path(parent), ANYBODYS_PYTHON, "-c", look)
            sleeper = ProcessType(name="worker", command=("sleep", "600"), drain=5)
            group = made.start(Release(commit="one", folder=Path(parent), processes=(sleeper,)), sleeper, 0)
            shown = world.ask("show", f"soak:{group.id}.service") + world.ask("cat", f"soak:{group.id}.service")
            notes = folder / "groups" / group.id / "environment"
            mode, kept = notes.stat().st_mode & 0o777, notes.read_text()
            made.stop()

    assert told == "65534 ['NoNewPrivs:\\t1\\n'] s3cret"
    assert "s3cret" not in shown
    assert (mode, "s3cret" in kept) == (0o600, True)


def test_who_cannot_be_found_is_the_hosts_fault(world: World, tmp_path: Path) -> None:
    """Not the release's, and nothing is left of it."""
    worker = ProcessType(name="worker", command=("true",))
    release = Release(commit="one", folder=tmp_path, processes=(worker,))
    with driver(world, tmp_path / "run", user="nobody-of-that-name") as made:
        with pytest.raises(InfraError, match="could not start 'worker'"):
            made.start(release, worker, 0)

        assert made.groups() == ()
    assert list(world.units.glob("soak:worker*")) == []


def test_asking_a_group_that_ended_does_not_start_it_again(host: Host) -> None:
    """Its own socket goes with it."""
    release = host.release("one", "dies")
    (web,) = release.processes
    with host.driver() as made:
        group = made.start(release, web, 0)
        assert group.port is not None
        port = group.port

        def ask() -> bool:
            with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as asking:
                asking.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
                return asking.recv(1) == b""  # it dies of the question

        until(ask)
        refused = 0

        def is_refused() -> bool:
            nonlocal refused
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except ConnectionRefusedError:
                refused += 1
            return refused >= 20

        until(is_refused)

        assert [one.alive for one in made.groups()] == [False]
        assert made.ended(group) == "exit status 7"


def test_the_port_stays_open_while_groups_end_one_upon_another(host: Host, world: World) -> None:
    """systemd closes a socket that it looks at 20 times in 2 s, unless it is told not to: here are 30 looks."""
    (web,) = host.release("one").processes
    sleeps = ProcessType.from_json({**web.to_json(), "command": ["sleep", "600"], "count": 30})
    release = host.release("sleeps", "good", sleeps)
    with host.driver() as made:
        for slot in range(sleeps.count):
            made.start(release, sleeps, slot)
        with socket.create_connection(("127.0.0.1", host.port), timeout=5):  # a customer who waits in the queue
            pids = sorted(_pids(world, f"host-{host.port}:web@*.service"))
            subprocess.run([*world.inside, sys.executable, "-c", KILL_EACH, *pids], check=True)
            until(lambda: not any(one.alive for one in made.groups()))
            socket.create_connection(("127.0.0.1", host.port), timeout=5).close()

    assert host.roll(host.release("two")).ok


def test_a_drop_in_of_a_type_is_one_of_each_of_its_groups(host: Host, world: World) -> None:
    """So operators give limits to groups whose names they cannot know."""
    folder = world.units / f"host-{host.port}:web@.service.d"
    folder.mkdir()
    (folder / "limits.conf").write_text("[Service]\nLimitNOFILE=4321\n")
    assert host.roll(host.release("one")).ok

    with host.driver() as made:
        units = [f"host-{host.port}:{one.id}.service" for one in made.groups()]

    assert [world.ask("show", "--property=LimitNOFILE", "--value", one).strip() for one in units] == ["4321", "4321"]


def test_the_daemon_as_a_service_is_killed_and_groups_serve_on(
    world: World, objects: ObjectServer, tmp_path: Path
) -> None:
    """As docs/host.md has it: systemd starts the daemon again, it finds its groups, and goes on to the next release."""
    with open_site(objects, tmp_path) as site:
        (site.shop.root / "inbox/server.py").write_text(SERVER)
        argv = (sys.executable, "inbox/server.py")
        site.shop.processes = (
            Process(name="web", command=argv, count=2, ready="/readyz", version="/version", drain=5.0),
        )
        port = free_port()
        file = configured(site, objects, port)
        file.write_text(f'driver = "systemd"\nuser = "root"\n{file.read_text()}')
        first, second = site.publish(), site.publish()
        pointer = site.flip(first)
        (world.units / "ship-host.service").write_text(_daemon(command(file), objects, tmp_path))
        world.ask("start", "ship-host.service")
        try:
            until(_there(lambda: answers(port) == first.commit and "complete" in site.acks(pointer)), 120)
            groups, daemon = _pids(world, "*:web@*.service"), _pids(world, "ship-host.service")
            world.ask("kill", "--signal=KILL", "ship-host.service")
            until(lambda: _pids(world, "ship-host.service") not in ({"0"}, daemon), 60)
            assert _pids(world, "*:web@*.service") == groups
            pointer = site.flip(second)
            until(_there(lambda: answers(port) == second.commit and "complete" in site.acks(pointer)), 120)
            assert _pids(world, "*:web@*.service").isdisjoint(groups)
        finally:
            world.ask("stop", "ship-host.service")
        assert answers(port) == second.commit


def _daemon(argv: list[str], objects: ObjectServer, folder: Path) -> str:
    env = {**objects.environment, "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": "/"}
    lines = "".join(f"Environment={shlex.quote(f'{name}={value}')}\n" for name, value in env.items())
    strict = f"NoNewPrivileges=yes\nProtectSystem=strict\nReadWritePaths={folder} /run/systemd/system\n"
    return f"[Service]\nExecStart={shlex.join(argv)}\nRestart=always\nRestartSec=0\n{strict}{lines}"


def _pids(world: World, pattern: str) -> set[str]:
    return set(world.ask("show", "--property=MainPID", "--value", pattern).split())


def _there(holds: Callable[[], bool]) -> Callable[[], bool]:
    """Say no where nobody answers yet."""

    def asked() -> bool:
        try:
            return holds()
        except OSError:
            return False

    return asked
