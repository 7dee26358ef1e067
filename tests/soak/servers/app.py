"""For the ASGI drain wrapper: ``python asgi.py app:app``."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

BEHAVIOUR = Path(os.environ.get("RELEASE", "."), "behaviour").read_text()
if BEHAVIOUR == "exit":
    sys.exit("it does not boot")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - as ASGI has them
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    path, status, body = scope["path"], 200, b"ok\n"
    if path == "/readyz":
        if BEHAVIOUR == "dies":
            os._exit(7)
        status = 503 if BEHAVIOUR == "unready" else 200
    elif path == "/version":
        body = b"other" if BEHAVIOUR == "wrong" else os.environ["SHIP_COMMIT"].encode()
    elif path.startswith("/slow/"):
        await asyncio.sleep(float(path.removeprefix("/slow/")))
    elif path == "/count":
        posted = (await receive())["body"]
        with Path(os.environ["LEDGER"]).open("ab", buffering=0) as ledger:
            ledger.write(posted + b"\n")
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
