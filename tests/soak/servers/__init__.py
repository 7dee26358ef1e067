"""The same small application on three servers. Its release's folder says how it behaves: ``behaviour``.

good; exit: it does not boot; dies: it dies again and again before it is ready; unready: it never is; wrong: another version.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.serving import asgi

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVERS = Path(__file__).parent
BROKEN = ("exit", "dies", "unready", "wrong")
DRAIN = 5.0
# Kept alive longer than customers keep it; what is left of its work is cut before the host would kill it.
_TIMES = ("--keep-alive", "75", "--graceful-timeout", "4")
GUNICORN = (sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "2", "--threads", "32", *_TIMES)
COMMANDS: dict[str, Sequence[str]] = {
    "gunicorn": (*GUNICORN, "wsgi:application"),
    "asgi": (sys.executable, str(Path(asgi.__file__)), "app:app"),
    "node": ("node", str(SERVERS / "server.mjs")),
}
