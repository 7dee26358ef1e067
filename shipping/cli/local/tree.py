"""A build as lines: groups, steps, shares and earlier attempts, each with its state, its time and what to know about it.

Pure: REST's build and the present moment go in. How wide a terminal is, and its colours, are `printing`'s business.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from shipping.local.world.finding import name_of, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Job = Mapping[str, Any]

EMOJI = re.compile(r":[a-z0-9_+-]+:\s*")
PASSED = frozenset({"passed", "unblocked"})
QUIET = PASSED | {"skipped", "broken", "waiting", "not_run"}
# A step of many shares is as its worst one, and it goes on while one of them does.
WORST_FIRST = (
    *("running", "canceling", "timing_out", "accepted", "assigned", "scheduled", "limited", "limiting", "blocked"),
    *("failed", "timed_out", "expired", "canceled", "waiting_failed", "blocked_failed", "unblocked_failed", "waiting"),
    *("soft failed", "broken", "skipped", "unblocked", "passed"),
)
MOST_LISTED = 20
"""A step of more shares lists those that have not passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``depth`` is how far it is indented; ``over`` says that it needs no eye any more."""

    depth: int
    state: str
    name: str
    took: str = ""
    note: str = ""

    @property
    def over(self) -> bool:
        return self.state in QUIET


def lines(build: Mapping[str, Any], now: datetime) -> list[Line]:
    """Return the lines of a build as REST shows it, in the order of its pipeline."""
    found: list[Line] = []
    for group, members in groupby(build["jobs"], key=lambda job: job.get("group_key")):
        jobs = list(members)
        if group is not None:
            found.append(Line(depth=0, state=rolled_up(jobs), name=str(group), note=_counted(jobs)))
        for _, shares in groupby(jobs, key=lambda job: job["step"]["id"] if job.get("step") else job["id"]):
            found += _step(list(shares), 0 if group is None else 1, str(build["pipeline"]["slug"]), build, now)
    return found


def fitting(shown: Sequence[Line], height: int) -> list[Line]:
    """Return at most ``height`` lines: what needs no eye goes first, from the top, and is counted."""
    surplus = len(shown) - height
    if surplus <= 0:
        return list(shown)
    hidden = [number for number, line in enumerate(shown) if line.over][: surplus + 1]
    kept = [line for number, line in enumerate(shown) if number not in set(hidden)]
    if hidden:
        kept = [Line(depth=0, state="", name=f"({len(hidden)} more that are over)"), *kept]
    return kept[-height:] if height > 0 else []


def rolled_up(jobs: Iterable[Job]) -> str:
    """Return the state that stands for several jobs; attempts that were retried do not count."""
    states = {_state(job) for job in jobs if not job.get("retried")}
    return next((state for state in WORST_FIRST if state in states), next(iter(states), ""))


def label(job: Job) -> str:
    """Return what a person calls the job, in one line and without emoji codes."""
    text = str(job.get("name") or job.get("label") or job.get("step_key") or job.get("command") or "")
    first = text.strip().partition("\n")[0]
    kind = {"waiter": "wait", "manual": "block", "trigger": "trigger"}.get(str(job["type"]), "")
    return EMOJI.sub("", first).strip() or first or kind or str(job["id"])


def title(job: Job) -> str:
    """Return the label, with the share's number where there are several."""
    share, total = job.get("parallel_group_index"), job.get("parallel_group_total") or 0
    return f"{label(job)} {share + 1}/{total}" if share is not None and total > 1 else label(job)


def seconds(start: str | None, end: str | None, now: datetime) -> float | None:
    """Return how long something has taken, until now while it goes on; None before it begins."""
    if not start:
        return None
    until = datetime.fromisoformat(end) if end else now
    return max(0.0, (until - datetime.fromisoformat(start)).total_seconds())


def took(value: float | None) -> str:
    """Return seconds as people say them."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _step(shares: list[Job], depth: int, slug: str, build: Mapping[str, Any], now: datetime) -> list[Line]:
    def leaf(job: Job, deeper: int = 0) -> Line:
        return _leaf(job, depth + deeper, f"{slug}/{build['number']}", now)

    if len({job.get("parallel_group_index") for job in shares}) == 1:
        return [*_attempts(shares, leaf)]
    head = Line(
        depth=depth,
        state=rolled_up(shares),
        name=EMOJI.sub("", str(shares[0].get("step_key") or label(shares[0]))).strip(),
        note=_counted(shares),
    )
    found = [head]
    for _, share in groupby(shares, key=lambda job: job.get("parallel_group_index")):
        found += _attempts(list(share), lambda job, deeper=0: leaf(job, deeper + 1))
    many = len(found) > MOST_LISTED
    return [line for line in found if not (many and line.state in PASSED and line is not head)]


def _attempts(jobs: list[Job], leaf: Callable[..., Line]) -> list[Line]:
    """The attempt that counts, and below it those that it took the place of."""
    last = [job for job in jobs if not job.get("retried")] or jobs[-1:]
    return [*(leaf(job) for job in last), *(leaf(job, 1) for job in jobs if job not in last)]


def _leaf(job: Job, depth: int, build: str, now: datetime) -> Line:
    name = f"attempt {(job.get('retries_count') or 0) + 1}" if job.get("retried") else title(job)
    spent = seconds(job.get("started_at"), job.get("finished_at"), now)
    return Line(depth=depth, state=_state(job), name=name, took=took(spent), note=_note(job, build))


def _state(job: Job) -> str:
    return "soft failed" if job.get("soft_failed") else str(job["state"])


def _note(job: Job, build: str) -> str:
    """What one would ask next: why it failed, where it runs, what it waits for."""
    state = job["state"]
    child = job.get("triggered_build")
    if child:
        return f"build {named(str(child['web_url']))}"
    if state == "blocked":
        return f"ship local unblock {build} --job {name_of(dict(job))}"
    if state in {"running", "canceling", "timing_out"} and job.get("agent"):
        return f"on {job['agent']['name']}"
    if job.get("exit_status") not in {None, 0}:
        why = job.get("signal_reason") or job.get("signal") or ""
        return f"exit status {job['exit_status']}{f', {why}' if why else ''}"
    return str(job.get("reason") or "")


def _counted(jobs: Iterable[Job]) -> str:
    """How many are in which state; nothing where all have passed."""
    counts = Counter(_state(job) for job in jobs if not job.get("retried") and job["type"] != "waiter")
    if set(counts) <= PASSED:
        return ""
    return ", ".join(f"{count} {state}" for state, count in counts.most_common())
