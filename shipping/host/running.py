"""Puts a host's daemon together from its configuration, and runs it until it is told to stop."""

from __future__ import annotations

import fcntl
import os
import random
import signal
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from pipeline_gen.clock import SystemClock
from pipeline_gen.errors import InfraError
from shipping.host.daemon import Daemon, Parts
from shipping.host.decide import Host
from shipping.host.noted import BOOT_ID, SYSTEMD
from shipping.host.points import nowhere
from shipping.host.reading import Reading
from shipping.host.releases import Releases
from shipping.host.reports import Reports
from shipping.host.supervisor import Supervisor
from shipping.host.systemd import Systemd
from shipping.s3 import connect
from shipping.s3.patience import Patience
from shipping.signing import Trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from shipping.host.config import HostConfig
    from shipping.host.driver import Driver
    from shipping.host.points import At
    from shipping.host.rolls import Rolls
    from shipping.s3 import Bucket

# A daemon asks again at its next turn: what does not answer now must not hold up what runs.
PATIENCE = Patience(silence=10.0, pauses=(0.2, 0.4))
PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where groups find their commands, unless the host's configuration says otherwise."""


def serve(config: HostConfig, rolls: Rolls, *, say: Callable[[str], None], stop: Event, at: At = nowhere) -> None:
    """Run the daemon until ``stop``. Processes that it started run on."""
    with _bucket(config) as bucket:
        daemon = assemble(config, rolls, bucket, say=say, at=at)
        say(f"host {config.host} of {config.app} follows {config.environment} in bucket {bucket.name}")
        stop.wait(daemon.begin())
        while not stop.is_set():
            stop.wait(daemon.turn())


def assemble(config: HostConfig, rolls: Rolls, bucket: Bucket, *, say: Callable[[str], None], at: At) -> Daemon:
    """Return a daemon over a real disk, a real bucket and the machine's clock."""
    trusted = None if config.keys is None else Trusted.read(config.keys)
    return Daemon(
        Parts(
            app=config.app,
            environment=config.environment,
            host=Host(name=config.host, spread=config.spread),
            reading=Reading(bucket, app=config.app, environment=config.environment),
            releases=Releases(config.folder, bucket, app=config.app, trusted=trusted, at=at),
            reports=Reports(bucket, app=config.app, environment=config.environment, host=config.host, say=say),
            rolls=rolls,
            memory=config.folder / "memory.json",
            boot=BOOT_ID.read_text().strip(),
            clock=SystemClock(),
            chance=random.random,
            say=say,
            poll=config.poll,
            at=at,
        )
    )


def driver(config: HostConfig) -> AbstractContextManager[Driver]:
    """Return the driver of process groups that the host is configured for, to be entered."""
    if config.driver != SYSTEMD or config.user is None:
        return supervisor(config)
    name = f"{config.app}:{config.environment}"
    return Systemd(config.folder / "run", name=name, user=config.user, addresses=config.listen, env=_env(config))


def supervisor(config: HostConfig) -> Supervisor:
    """Return the built-in driver, to be entered."""
    return Supervisor(config.folder / "run", addresses=config.listen, env=_env(config))


def _env(config: HostConfig) -> dict[str, str]:
    return {"PATH": PATH, **config.env}


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder for this process. The kernel lets go of it, however the process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    descriptor = os.open(folder / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InfraError(f"could not use {str(folder)!r}: another daemon runs there") from error
        yield
    finally:
        os.close(descriptor)


def stop_on_signals() -> Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _bucket(config: HostConfig) -> Bucket:
    given = {"AWS_ENDPOINT_URL_S3": config.endpoint, "AWS_REGION": config.region}
    named = {key: value for key, value in given.items() if value is not None}
    return connect(config.bucket, environment={**os.environ, **named} if named else None, patience=PATIENCE)
