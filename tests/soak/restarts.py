"""Restarts and reloads as people do them, under the customers of the certificate: what the instrument sees when some fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from shipping.demo.load import Customers, Load
from tests.shipping.host.hosts import free_port, until
from tests.soak.replaced import RATE, customers, environment, judged, quiet
from tests.soak.servers import GUNICORN, SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RESTARTS, RELOADS, OFTEN = 5, 20, 300.0


def gunicorn(folder: Path) -> dict[str, Any]:
    """Stop gunicorn with SIGTERM, start it again."""
    return _restarted(folder, (*GUNICORN, "--bind", "127.0.0.1:{port}", "wsgi:application"), _stop)


def uvicorn(folder: Path) -> dict[str, Any]:
    """Stop uvicorn with SIGTERM, start it again."""
    return _restarted(folder, (sys.executable, "-m", "uvicorn", "--port", "{port}", "app:app"), _stop)


def uvicorn_reload(folder: Path) -> dict[str, Any]:
    """Touch a file that uvicorn --reload watches.

    It keeps the socket, and loses only what is on its way in the instant in which it closes what is kept alive: seen where
    customers ask often.
    """
    watched = folder / "watched"
    watched.mkdir(parents=True)
    shutil.copy(SERVERS / "app.py", watched / "app.py")

    def touch(_process: subprocess.Popen[bytes]) -> bool:
        (watched / "app.py").touch()
        return False

    argv = (sys.executable, "-m", "uvicorn", "--port", "{port}", "--reload", "--reload-dir", str(watched))
    return _restarted(folder / "run", (*argv, "--app-dir", str(watched), "app:app"), touch, times=RELOADS, rate=OFTEN)


def _restarted(
    folder: Path,
    command: tuple[str, ...],
    again: Callable[[subprocess.Popen[bytes]], bool],
    *,
    times: int = RESTARTS,
    rate: float = RATE,
) -> dict[str, Any]:
    """Run a server as people do, restart it as `again` says, and return what customers saw."""
    folder.mkdir()
    (folder / "behaviour").write_text("good")
    port = free_port()
    argv = [one.format(port=port) for one in command]
    env = {**environment(folder), "SHIP_COMMIT": "c1", "RELEASE": str(folder)}
    log = (folder / "log").open("wb")

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(argv, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)

    process = start()
    try:
        until(lambda: _answers(port), 60)
        with Load(customers(port, rate)) as load:
            for _ in range(times):
                quiet(2)
                load.mark()
                if again(process):
                    process.wait(timeout=60)
                    process = start()
            quiet(5)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()
    return {"restarts": times, "rate": rate, "at_risk": load.counted.at_risk, **judged(folder, load.counted)}


def _answers(port: int) -> bool:
    """Say whether a server answers at the port, asked as a customer is."""
    with Load(Customers(host="127.0.0.1", port=port, slow_every=10**9, post_every=10**9)) as load:
        until(lambda: load.counted.sent > 0)
    return load.counted.failed == 0


def _stop(process: subprocess.Popen[bytes]) -> bool:
    process.send_signal(signal.SIGTERM)
    return True
