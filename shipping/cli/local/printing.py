"""Lines and tables for people: aligned, coloured and cut to the width of a terminal, whole and plain everywhere else."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shipping.cli.local.tree import seconds, title, took

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console
    from rich.text import Text

    from shipping.cli.local.tree import Line

STYLES = {
    **dict.fromkeys(("passed", "unblocked"), "green"),
    **dict.fromkeys(("failed", "timed_out", "expired", "failing"), "bold red"),
    **dict.fromkeys(("running", "accepted", "assigned"), "yellow"),
    **dict.fromkeys(("blocked", "canceling", "timing_out", "soft failed"), "magenta"),
    **dict.fromkeys(("canceled", "skipped", "broken", "not_run", "waiting", "waiting_failed"), "bright_black"),
}
ROLLS = {"complete": "green", "failed": "bold red", "triggered": "yellow", "serving": "yellow"}
MARKS = {
    **dict.fromkeys(("passed", "unblocked"), "✓"),
    **dict.fromkeys(("failed", "timed_out", "expired"), "✗"),
    **dict.fromkeys(("running", "canceling", "timing_out"), "●"),
    "blocked": "▮",
    "soft failed": "!",
    "": " ",
}
OTHER_MARK = "○"
NARROWEST = 12
"""Columns that the elastic one is left at least."""
# What a label or a message might tell the terminal to do is not done.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one line; ``style`` colours the cell at ``styled``."""

    cells: tuple[str, ...]
    style: str = ""
    styled: int = 0


def console(*, err: bool = False) -> Console:
    """Return a console that honours NO_COLOR and, without a terminal, writes plain text of any width."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(file=stream, width=width, highlight=False, emoji=False, markup=False, soft_wrap=not stream.isatty())


def width_of(out: Console) -> int | None:
    """Return the columns there are, None without a terminal."""
    return out.width if out.is_terminal else None


def build_rows(shown: Sequence[Line], *, plain: bool = False) -> list[Row]:
    """Return the rows of a build's lines; ``plain`` where the stream cannot write the marks."""
    return [
        Row(
            (
                f"{'  ' * line.depth}{'' if plain else MARKS.get(line.state, OTHER_MARK) + ' '}{printable(line.name)}",
                line.state,
                line.took,
                printable(line.note),
            ),
            STYLES.get(line.state, ""),
            1,
        )
        for line in shown
    ]


def list_rows(builds: Iterable[Mapping[str, Any]], now: datetime) -> list[Row]:
    """Return a row for each build: which, state, time, how long ago, branch, message."""
    return [
        Row(
            (
                f"{one['pipeline']['slug']}/{one['number']}",
                state_of(one),
                took(seconds(one.get("started_at"), one.get("finished_at"), now)),
                ago(one["created_at"], now),
                printable(str(one["branch"])),
                printable(str(one["message"]).partition("\n")[0]),
            ),
            STYLES.get(state_of(one), ""),
            1,
        )
        for one in builds
    ]


def host_rows(hosts: Iterable[Mapping[str, Any]], now: datetime) -> list[Row]:
    """Return a row for each host: region, name, what it runs since when, its last roll, its daemon, its addresses, why not."""
    return [
        Row(
            (
                f"{one['region']}/{one['host']}",
                "nothing" if one["commit"] is None else str(one["commit"])[:12],
                "" if one["since"] is None else ago(one["since"], now),
                f"roll {one['roll']}" if one["roll"] else "no roll",
                "no daemon" if one["pid"] is None else f"daemon {one['pid']}",
                " ".join(f"{process} http://{address}" for process, address in one["addresses"].items()),
                printable(str(one["why"]).partition("\n")[0]),
            ),
            ROLLS.get(one["roll"] or "", ""),
            3,
        )
        for one in hosts
    ]


def state_of(build: Mapping[str, Any]) -> str:
    """Return the build's state; one that waits for a person is blocked, whatever has passed."""
    return "blocked" if build.get("blocked") else str(build["state"])


def ago(moment: str, now: datetime) -> str:
    """Return how long ago something was."""
    spent = seconds(moment, None, now) or 0.0
    if spent < 60:
        return "now" if spent < 10 else f"{round(spent)} s ago"
    if spent < 3600:
        return f"{round(spent / 60)} min ago"
    return f"{round(spent / 3600)} h ago" if spent < 48 * 3600 else f"{round(spent / 86400)} d ago"


def aligned(rows: Sequence[Row], *, width: int | None, elastic: int) -> list[Text]:
    """Return the rows in columns; where they are wider than ``width``, the ``elastic`` column gives way, then the line."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    if not rows:
        return []
    wide = [max(cell_len(row.cells[column]) for row in rows) for column in range(len(rows[0].cells))]
    if width is not None:
        surplus = sum(wide) + 2 * (len(wide) - 1) - width
        wide[elastic] = max(min(wide[elastic], NARROWEST), wide[elastic] - max(0, surplus))
    found = []
    for row in rows:
        line = Text()
        for column, cell in enumerate(row.cells):
            short = cell if cell_len(cell) <= wide[column] else f"{set_cell_size(cell, wide[column] - 1)}…"
            line.append(set_cell_size(short, wide[column]), row.style if column == row.styled else "")
            line.append("  ")
        line.rstrip()
        if width is not None:
            line.truncate(width, overflow="ellipsis")
        found.append(line)
    return found


def header(build: Mapping[str, Any], now: datetime) -> list[str]:
    """Return what a build is, in a few lines."""
    spent = took(seconds(build.get("started_at"), build.get("finished_at"), now))
    pull = build.get("pull_request")
    of = f"pull request {pull['id']} of {build['branch']} into {pull['base']}" if pull else str(build["branch"])
    state = f"{state_of(build)}{f' ({spent})' if spent else ''}"
    return [
        f"build {build['number']} of {build['pipeline']['slug']}: {state}, created {ago(build['created_at'], now)}",
        f"  {printable(str(build['message']).partition(chr(10))[0])}",
        f"  {printable(of)}, {str(build['commit'])[:12]}",
        f"  {build['web_url']}",
    ]


def cut(texts: Iterable[str], width: int | None) -> list[Text]:
    """Return the texts, cut to the width of the terminal."""
    from rich.text import Text

    found = [Text(text) for text in texts]
    for text in found:
        if width is not None:
            text.truncate(width, overflow="ellipsis")
    return found


def writes_marks(out: Console) -> bool:
    """Say whether the stream can write what is not ASCII."""
    return (out.encoding or "").lower().replace("-", "") == "utf8" and os.environ.get("TERM") != "linux"


def printable(text: str) -> str:
    """Return the text without what would tell the terminal to do something."""
    return CONTROL.sub(" ", text).strip()


def change(job: Mapping[str, Any]) -> str:
    """Return the line that tells of a job's new state."""
    status = f" (exit status {job['exit_status']})" if job.get("exit_status") is not None else ""
    return f"  {printable(title(job))}: {job['state']}{status}"


def now() -> datetime:
    """The present, for what is printed only."""
    return datetime.now(UTC)
