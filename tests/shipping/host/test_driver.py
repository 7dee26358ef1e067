"""What a roll needs of a driver, asked of each that there is."""

from __future__ import annotations

import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping.host import probe
from shipping.host.logs import LOG_BYTES
from shipping.records.process import ProcessType
from tests.shipping.host.hosts import Host, a_host, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.host.driver import Driver
    from shipping.host.group import Group
    from shipping.host.rolls import Release
    from tests.systemd import World


@pytest.fixture
def host(tmp_path: Path, world: World | None) -> Iterator[Host]:
    with a_host(tmp_path / ("deep" * 30) / "host", world=world) as made:
        yield made


@pytest.fixture
def driver(host: Host) -> Iterator[Driver]:
    with host.driver() as made:
        yield made


def only(driver: Driver) -> Group:
    (group,) = driver.groups()
    return group


def worker(host: Host, program: str, **changed: object) -> tuple[Release, ProcessType]:
    made = {"name": "worker", "command": (sys.executable, "-c", program), "drain": 1.0, **changed}
    process = ProcessType(**made)  # type: ignore[arg-type]
    return host.release("one", "good", process), process


def test_a_group_goes_from_start_to_forgotten(host: Host, driver: Driver) -> None:
    """Every phase is written down, and read back by whoever asks; it ends with what its command ended with."""
    release = host.release("one")
    (web,) = release.processes

    group = driver.start(release, web, 1)
    assert (only(driver), group.phase, group.place) == (group, "starting", ("web", 1))
    assert group.port is not None
    port = group.port
    until(lambda: probe.look(port, ready="/readyz", version="/version", commit="one") is None)
    driver.promote(group)
    assert only(driver).phase == "serving"
    driver.drain(only(driver), "/two")
    assert (only(driver).phase, only(driver).successor) == ("draining", "/two")
    until(lambda: not only(driver).alive)
    assert driver.ended(group) == "exit status 0"
    driver.forget(only(driver))

    assert driver.groups() == ()


def test_all_that_a_command_started_ends_with_it(host: Host, driver: Driver) -> None:
    """A grandchild in a session of its own holds a port; when the command ends, the port is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    child = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); print('up', flush=True); time.sleep(600)"
    start = f"p = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=-1, start_new_session=True)"
    group = driver.start(*worker(host, f"import subprocess, sys; {start}; p.stdout.readline(); sys.exit(3)"), 0)

    until(lambda: not only(driver).alive)

    assert driver.ended(group) == "exit status 3"
    socket.create_server(("127.0.0.1", port)).close()


def test_the_end_of_what_a_group_printed_is_kept(host: Host, driver: Driver) -> None:
    """Output and errors, until it is forgotten."""
    group = driver.start(*worker(host, "import sys; print('out', flush=True); sys.exit('and error')"), 0)

    until(lambda: not only(driver).alive)

    assert driver.tail(group) == "out\nand error"


def test_a_log_without_end_keeps_its_end(host: Host, driver: Driver) -> None:
    """What a group prints is bounded on disk; its last words are there."""
    program = (
        "import time\nfor _ in range(40): print('x' * 2**20, flush=True)\ntime.sleep(1.5); print('last', flush=True)"
    )
    group = driver.start(*worker(host, program), 0)

    until(lambda: not only(driver).alive)

    sizes = {one.name: one.stat().st_size for one in (host.run / "groups" / group.id).glob("*.log")}
    assert sizes.keys() == {"output.log", "output.1.log"}
    assert sizes["output.log"] <= LOG_BYTES
    assert driver.tail(group).endswith("last")


def test_nothing_of_our_own_environment_reaches_a_group(host: Host, driver: Driver) -> None:
    """It gets what the host's configuration gives, and what we say of the release."""
    group = driver.start(*worker(host, "import os; print(sorted(os.environ))"), 0)

    until(lambda: not only(driver).alive)

    told = driver.tail(group)
    assert [
        name for name in ("PATH", "SHIP_COMMIT", "SHIP_DRAIN", "SHIP_GROUP", "SHIP_PROCESS") if name not in told
    ] == []
    assert "HOME" not in told
    assert "PYTEST_CURRENT_TEST" not in told


def test_a_signal_that_ends_a_group_is_named(host: Host, driver: Driver) -> None:
    """Killed by itself, here."""
    kill = f"import os; os.kill(os.getpid(), {int(signal.SIGUSR2)})"
    group = driver.start(*worker(host, kill), 0)

    until(lambda: not only(driver).alive)

    assert driver.ended(group) == f"signal {int(signal.SIGUSR2)}"


def test_the_current_release_is_remembered(host: Host, driver: Driver) -> None:
    """By whoever comes after, too."""
    assert driver.current() is None
    driver.set_current(host.release("one"))

    assert driver.current() == host.release("one")


def test_a_boot_check_that_fails_or_is_not_there_refuses_the_release(host: Host, driver: Driver) -> None:
    """With what it printed."""
    program = [sys.executable, "-c", "print('no table comments'); exit(4)"]
    failing, missing = (
        ProcessType(name="worker", command=("true",), boot=tuple(one)) for one in (program, ["./nothing"])
    )

    with pytest.raises(Refused, match=r"exit status 4\nno table comments"):
        driver.boot(host.release("one"), failing)
    with pytest.raises(Refused, match="No such file"):
        driver.boot(host.release("one"), missing)


def test_one_supervisor_at_a_time(host: Host, driver: Driver) -> None:
    """A second daemon on the same folder is told, and changes nothing."""
    assert driver.groups() == ()
    with pytest.raises(InfraError, match="another supervisor"), host.driver():
        pass


def test_a_type_without_an_address_and_a_port_that_is_taken_are_said(host: Host) -> None:
    """The first is the host's configuration, the second the host's state: neither is the release's fault."""
    release = host.release("one")
    (web,) = release.processes
    with host.driver(addresses={}) as bare, pytest.raises(UsageError, match="no address") as raised:
        bare.start(release, web, 0)
    assert raised.value.hint == '[listen] web = "ADDRESS:PORT"'

    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses = {"web": ("127.0.0.1", taken.getsockname()[1])}
        with host.driver(addresses=addresses) as other, pytest.raises(InfraError, match="could not listen"):
            other.start(release, web, 0)
