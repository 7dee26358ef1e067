"""A process that rolls a host, and dies where it is told to: ``python -m tests.shipping.host.rolling JSON``."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from shipping.host.group import read_release
from shipping.host.roll import Roller
from tests.shipping.host.hosts import LIMITS, Host
from tests.systemd import World


def main(asked: str) -> int:
    given = json.loads(asked)
    folder, port, order = given["host"]
    transition, left = given["at"]

    def reached(now: str, _what: str) -> None:
        nonlocal left
        left -= now == transition
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    world = None if given["world"] is None else World(pid=given["world"][0], units=Path(given["world"][1]))
    with Host(folder=Path(folder), port=port, order=order, world=world).driver(reached) as driver:
        return 0 if Roller(driver, reached=reached, limits=LIMITS).roll(read_release(given["release"])).ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
