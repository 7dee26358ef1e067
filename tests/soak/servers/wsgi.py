"""For gunicorn's gthread worker. It takes what LISTEN_FDS gives by itself; with a ``--bind`` beside that it does not start."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BEHAVIOUR = Path("behaviour").read_text()
if BEHAVIOUR == "exit":
    sys.exit("it does not boot")
if BEHAVIOUR == "dies":
    os._exit(7)  # the worker, before it accepts: its master starts another one, again and again


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    path, body = environ["PATH_INFO"], b"ok\n"
    status = "200 OK"
    if path == "/readyz" and BEHAVIOUR == "unready":
        status = "503 Service Unavailable"
    elif path == "/version":
        body = b"other" if BEHAVIOUR == "wrong" else os.environ["SHIP_COMMIT"].encode()
    elif path.startswith("/slow/"):
        time.sleep(float(path.removeprefix("/slow/")))
    elif path == "/count":
        with Path(os.environ["LEDGER"]).open("ab", buffering=0) as ledger:
            ledger.write(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])) + b"\n")
    start_response(status, [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
