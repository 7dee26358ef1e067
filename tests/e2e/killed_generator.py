"""`ship pipeline upload`, killed at another named point on each attempt. Run by a job of the local world."""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen import config
from pipeline_gen.git import Git
from pipeline_gen.shell import LocalShell
from shipping.buildkite import Agent, ArtifactStore
from shipping.jobs import plan
from shipping.s3 import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline_gen.ports import Store, Stored

POINTS = (
    "start",
    "before keep",
    "after keep",
    "after release",
    "before upload 1",
    "after upload 1",
    "before upload 2",
    "after upload 2",
)


class Guillotine:
    """Ends this process as the kernel would, when this attempt's point comes; the attempt after the last point lives."""

    def __init__(self, attempt: int) -> None:
        self.point = POINTS[attempt] if attempt < len(POINTS) else ""

    def at(self, point: str) -> None:
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


class KilledStore:
    """A store whose writes are points."""

    def __init__(self, store: Store, guillotine: Guillotine) -> None:
        self._store, self._guillotine = store, guillotine

    def create(self, key: str, body: bytes) -> bool:
        what = "release" if "/releases/" in key else "keep"
        self._guillotine.at(f"before {what}")
        done = self._store.create(key, body)
        self._guillotine.at(f"after {what}")
        return done

    def get(self, key: str) -> Stored | None:
        return self._store.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        return self._store.list(prefix)


class KilledAgent(Agent):
    """An agent whose uploads are points."""

    guillotine: Guillotine
    uploads = 0

    def upload(self, pipeline: Mapping[str, Any]) -> None:
        self.uploads += 1
        self.guillotine.at(f"before upload {self.uploads}")
        super().upload(pipeline)
        self.guillotine.at(f"after upload {self.uploads}")


def main() -> None:
    """Do what the command does, with the points in between."""
    guillotine = Guillotine(int(os.environ["BUILDKITE_RETRY_COUNT"]))
    guillotine.at("start")
    shell = LocalShell()
    git = Git(shell, Path.cwd())
    configured = config.load(config.find(git.root))
    agent = KilledAgent(shell, os.environ)
    agent.guillotine = guillotine
    opened = nullcontext(ArtifactStore(agent)) if configured.bucket is None else connect(configured.bucket)
    with opened as store:
        plan.run(git, configured, env=os.environ, store=KilledStore(store, guillotine), agent=agent, say=print)


if __name__ == "__main__":
    main()
