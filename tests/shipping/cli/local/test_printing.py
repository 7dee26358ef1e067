"""Rows in columns: whole without a terminal, cut to its width on one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from shipping.cli.local.looking import browser
from shipping.cli.local.printing import Row, ago, aligned, printable

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    Row(("inbox/1", "passed", "main", "A subject")),
    Row(("web/10", "failed", "feature/with-a-long-name", "变更说明" * 8)),
]


def test_columns_are_as_wide_as_they_must_be() -> None:
    """Also where letters take two columns."""
    one, other = aligned(ROWS, width=None, elastic=2)

    assert one.plain == "inbox/1  passed  main                      A subject"
    assert other.plain == f"web/10   failed  feature/with-a-long-name  {'变更说明' * 8}"


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_lines_fit_into_a_terminal(width: int) -> None:
    """The elastic column gives way, then the line's end."""
    lines = aligned(ROWS, width=width, elastic=2)

    assert all(cell_len(line.plain) <= width for line in lines)
    assert all(line.plain.startswith(row.cells[0]) for line, row in zip(lines, ROWS, strict=True))
    assert "…" in lines[1].plain


def test_no_rows_are_no_lines() -> None:
    """There is no column then either."""
    assert aligned([], width=80, elastic=4) == []


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("11:59:55", "now"),
        ("11:59:20", "40 s ago"),
        ("11:30:00", "30 min ago"),
        ("09:00:00", "3 h ago"),
        ("12:00:09", "now"),
    ],
)
def test_how_long_ago(moment: str, expected: str) -> None:
    """To the unit that says enough."""
    assert ago(f"2026-03-04T{moment}.000Z", datetime(2026, 3, 4, 12, tzinfo=UTC)) == expected


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\x9b31mb", "a\nb", "a\rb", "a\x07b", "a\x7fb"])
def test_a_text_tells_the_terminal_nothing(text: str) -> None:
    """Escapes, other lines and bells are not printed."""
    assert printable(text).isprintable()


def test_the_browser_is_the_one_that_was_named(tmp_path: Path) -> None:
    """BROWSER with the address where it says so, else behind it; xdg-open where there is one; else none."""
    address = "http://127.0.0.1:1/local"
    opener = tmp_path / "xdg-open"
    opener.write_text("#!/bin/sh\n")
    opener.chmod(0o755)

    assert browser(address, {"BROWSER": "firefox --new-tab:other"}) == ["firefox", "--new-tab", address]
    assert browser(address, {"BROWSER": "open 'a b' --to=%s"}) == ["open", "a b", f"--to={address}"]
    assert browser(address, {"PATH": str(tmp_path)}) == [str(opener), address]
    assert browser(address, {"PATH": "/nowhere"}) is None
