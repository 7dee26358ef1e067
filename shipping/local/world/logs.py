"""Logs that are still being written, as far as REST tells: it knows only whole logs, so what is new is found here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError, nearest
from shipping.local.world.client import OVER, POLL
from shipping.local.world.finding import matching, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.local.world.client import Build, World

GOING_ON = frozenset({
    *("waiting", "scheduled", "limiting", "limited", "assigned", "accepted", "running", "canceling", "timing_out"),
})  # fmt: skip
SILENT = frozenset({"waiting", "scheduled", "limiting", "limited", "assigned", "accepted"})
# Reading a long log again and again must not become the control plane's work.
SHARE = 0.2


def named_jobs(jobs: list[dict[str, Any]], build: Build, word: str | None) -> list[dict[str, Any]]:
    """Return the jobs that a word names, all of them without one. Raises UsageError where it names none."""
    found = jobs if word is None else matching(jobs, word)
    if not found and word is not None:
        names = list(dict.fromkeys(name_of(job) for job in jobs))
        raise UsageError(
            f"cannot find the job {word!r} in build {build.number} of {build.pipeline!r}{nearest(word, names)}",
            hint=f"its jobs: {', '.join(names) or 'none yet'}",
        )
    return found


class Follower:
    """Writes what is new in the logs of a build's jobs at each look, whole lines where several jobs speak."""

    def __init__(self, world: World, build: Build, word: str | None, *, write: Callable[[str], None]) -> None:
        self._world, self._build, self._word, self._write = world, build, word, write
        self._told: dict[str, int] = {}
        self._done: set[str] = set()
        self.pause = POLL

    def look(self) -> bool:
        """Write what has come since the last look; True when nothing more will come.

        Raises UsageError where the build has ended without a job of that name: until then one may be uploaded.
        """
        began = time.monotonic()
        shown = self._world.show(self._build)
        jobs = [job for job in shown["jobs"] if job["type"] == "script"]
        ended = shown["state"] in OVER or bool(shown.get("blocked"))
        known = ended or self._word is None or matching(jobs, self._word)
        mine = named_jobs(jobs, self._build, self._word) if known else []
        named = self._word is None or len({name_of(job) for job in mine}) > 1
        for job in mine:
            # An attempt that was over and retried before we came is not what is happening.
            past = job.get("retried") and job["id"] not in self._told
            if job["id"] not in self._done and job["state"] not in SILENT and not past:
                self._tell(job, named=named)
        self.pause = max(POLL, (time.monotonic() - began) / SHARE)
        # Retries and uploads add jobs for as long as the build goes on; a word's own jobs may be over before.
        over = ended or (self._word is not None and bool(mine))
        return over and all(job["state"] not in GOING_ON for job in mine)

    def _tell(self, job: dict[str, Any], *, named: bool) -> None:
        # The state was read before the log: of a job that was over then, this is all.
        over = job["state"] not in GOING_ON
        text = self._world.log(self._build, job)
        new = text[self._told.get(job["id"], 0) :]
        whole = new if over or not named else new[: new.rfind("\n") + 1]
        self._told[job["id"]] = self._told.get(job["id"], 0) + len(whole)
        if over:
            self._done.add(job["id"])
        if whole:
            self._write(_marked(whole, name_of(job)) if named else whole)


def _marked(text: str, name: str) -> str:
    return "".join(f"{name} | {line}\n" for line in text.removesuffix("\n").split("\n"))
