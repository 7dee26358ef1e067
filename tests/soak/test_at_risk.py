"""The instrument: a group's connections are counted, and nobody else's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from tests.soak.at_risk import connections

HOLDS = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    held = [listening.accept() for _ in range(2)]
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_a_group_holds_is_counted() -> None:
    """Accepted by one of its processes, at that port; not by the name of another group, and not the customers' ends."""
    env = {**os.environ, "SHIP_GROUP": "web-0-a"}
    argv = (sys.executable, "-c", HOLDS)
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as group:
        assert group.stdout is not None
        port = int(group.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            assert group.stdout.readline() == "held\n"

            assert connections("web-0-a", port) == 2
            assert connections("web-0-b", port) == 0
            assert connections("web-0-a", port + 1) == 0
            group.communicate("")
    assert connections("web-0-a", port) == 0
