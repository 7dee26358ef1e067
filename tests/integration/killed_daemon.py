"""A host's daemon that ends at a named point, as `kill -9` ends it. Run as a program by the test beside it.

Its rolls are notes in a file. It ends by itself when a few turns in a row have found nothing to do.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Event

from shipping.host import config, running
from tests.shipping.host.notes import Notes

IDLE_TURNS = 4


def main(file: Path, point: str) -> None:
    """Follow the lane; at the point, be killed."""
    found = config.load(file)
    stop = Event()
    turns = [0]

    def at(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)
        turns[0] = turns[0] + 1 if reached == "lane-read" else 0
        if turns[0] > IDLE_TURNS:
            stop.set()

    with running.only_one(found.folder):
        running.serve(found, Notes(found.folder / "serving.json"), say=print, stop=stop, at=at)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
