"""`make demo`, as a stranger runs it: to its end, and given up in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shipping.local.processes import PROC, table

if TYPE_CHECKING:
    from pathlib import Path

DEMO = [sys.executable, "-m", "shipping.cli", "demo", "--no-keep"]


def test_the_demo_ends_well_and_shows_what_it_promises(agent_program: Path, tmp_path: Path) -> None:
    """Merges in production with no request failed, one that no host starts, a red one, a pull request with its reasons."""
    env = {**os.environ, "SHIP_BUILDKITE_AGENT": str(agent_program), "TMPDIR": str(tmp_path)}

    done = subprocess.run(DEMO, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for said in (
        "ship-inbox-us: whole\nship-inbox-eu: whole\nship-inbox-au: whole",
        "requests failed          0\n",
        "(lost 0, written twice 0)",
        "(left behind 0, sent twice 0)",
        "process groups replaced  18\n",
        "hosts began",
        "No module named 'greeting'",
        "  tests/units/test_text.py::test_counts_are_said_with_their_noun",
        "tests-js passed",
        "tests/units/test_paging.py: function body (inbox/paging.py: size)",
    ):
        assert said in done.stdout
    assert done.stdout.count("a customer is answered by it") == 2
    assert done.stdout.count("all hosts run it, and nothing else") == 3
    assert all(f"us-{number} refuses it, and serves" in done.stdout for number in (1, 2, 3))
    assert done.stdout.count("from merge to the end") == 2
    assert remains(tmp_path) == []


@pytest.mark.parametrize("moment", ["plan passed", "the flip: production wants it"])
def test_a_demo_given_up_in_the_middle_leaves_nothing(agent_program: Path, tmp_path: Path, moment: str) -> None:
    """Ctrl-C while a build runs, and while hosts roll: exit status 130, no process, no folder."""
    env = {**os.environ, "SHIP_BUILDKITE_AGENT": str(agent_program), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(DEMO, env=env, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if moment in line:
                demo.send_signal(signal.SIGINT)

    assert demo.returncode == 130
    assert remains(tmp_path) == []


def remains(folder: Path) -> list[str]:
    """Return the folders a demo left, and the processes that still work in one, or were told of one."""
    left = [str(path) for path in folder.glob("ship-demo-*")]
    for pid, entry in table().items():
        try:
            where = os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - may name a folder that is gone
            argv = (PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            continue
        if not entry.dead and (where.startswith(str(folder)) or os.fsencode(folder) in argv):
            left.append(f"{pid} in {where}: {argv!r}")
    return left
