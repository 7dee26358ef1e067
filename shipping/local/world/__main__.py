"""The supervisor in a process of its own: `python -m shipping.local.world OPTIONS`, started by `launch`.

It tells its starter how the start goes, one JSON object per line on standard output: {"say"}, then {"ready"} or {"failed"}.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

from pipeline_gen.clock import rfc3339
from pipeline_gen.errors import ShipError
from shipping.local.world.folder import Folder
from shipping.local.world.hold import held
from shipping.local.world.options import loads
from shipping.local.world.signals import caught
from shipping.local.world.supervisor import Supervisor


def main(text: str) -> int:
    """Run a world as the options say and return its exit status."""
    options = loads(text)
    folder = Folder(options.state)
    tell = _Teller()
    try:
        with caught() as signals, held(folder) as left:
            Supervisor(folder, options, env=os.environ, say=tell.say).run(signals, tell.ready, left=left)
    except ShipError as error:
        tell.failed(error)
        return error.exit_code
    return 0


class _Teller:
    """Tells the starter while it listens, and the log (standard error) always."""

    def __init__(self) -> None:
        self._listening = True

    def say(self, line: str) -> None:
        self._log(line)
        self._tell({"say": line})

    def ready(self) -> None:
        self._tell({"ready": True})
        self._stop_telling()

    def failed(self, error: ShipError) -> None:
        self._log(str(error))
        self._tell({"failed": {"message": error.message, "hint": error.hint, "code": error.exit_code}})

    def _log(self, text: str) -> None:
        sys.stderr.write(f"{rfc3339(datetime.now(UTC))} {text}\n")
        sys.stderr.flush()

    def _tell(self, what: dict[str, object]) -> None:
        if not self._listening:
            return
        try:
            sys.stdout.write(json.dumps(what) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self._stop_telling()

    def _stop_telling(self) -> None:
        # The starter's pipe is replaced, not closed: a later print must not find another file under its number.
        self._listening = False
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
