"""A build's measured seconds: when each step waited and ran, as bars of text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 48
WAITED, RAN = "·", "█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job: seconds since the build was created, and how it ended."""

    name: str
    scheduled: float
    started: float
    finished: float
    state: str


def timeline(build: Mapping[str, Any]) -> list[str]:
    """Return a line per job that ran, and the total."""
    rows = sorted(_rows(build), key=lambda row: (row.started, row.name))
    if not rows:
        return ["(no job ran)"]
    total = max(row.finished for row in rows)
    wide = max(len(row.name) for row in rows)
    lines = [_line(row, total, wide) for row in rows]
    return [*lines, f"{'from merge to the end':<{wide}}  {total:6.1f} s"]


def _rows(build: Mapping[str, Any]) -> list[Row]:
    zero = datetime.fromisoformat(build["created_at"])

    def since(job: Mapping[str, Any], *fields: str) -> float:
        moment = next((job[field] for field in fields if job.get(field)), build["created_at"])
        return (datetime.fromisoformat(moment) - zero).total_seconds()

    return [
        Row(
            name=_name(job),
            scheduled=since(job, "runnable_at", "scheduled_at", "created_at"),
            started=since(job, "started_at"),
            finished=since(job, "finished_at"),
            state=job["state"],
        )
        for job in build["jobs"]
        if job["type"] == "script" and job.get("started_at") and job.get("finished_at")
    ]


def _name(job: Mapping[str, Any]) -> str:
    name = str(job.get("step_key") or job.get("name") or job["id"])
    number = job.get("parallel_group_index")
    if number is not None:
        name = f"{name} {number + 1}/{job['parallel_group_total']}"
    retries = job.get("retries_count") or 0
    return f"{name} (retry {retries})" if retries else name


def _line(row: Row, total: float, wide: int) -> str:
    def column(moment: float) -> int:
        return round(moment / total * WIDTH) if total else 0

    before, waited = column(row.scheduled), max(0, column(row.started) - column(row.scheduled))
    ran = max(1, column(row.finished) - column(row.started))
    bar = f"{' ' * before}{WAITED * waited}{RAN * ran}"
    return f"{row.name:<{wide}}  {row.finished - row.started:6.1f} s  {bar:<{WIDTH + 1}}  {row.state}"
