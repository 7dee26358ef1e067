"""One child through its incarnations: log, mark, orphans, and how often it is started again. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from shipping.local.processes import is_alive, table
from shipping.local.world.children import MOST_STARTS, Child
from shipping.local.world.folder import CHILD_MARK, WORLD_MARK, Folder
from shipping.local.world.sweep import kill_all, remains, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENV = {"PATH": os.environ["PATH"]}
# Of this test run only: others may run on the machine.
SLEEP = f"sleep 300.{os.getpid()}"


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    folder = Folder(tmp_path / "state")
    folder.prepare()
    folder.of_agent("one").mkdir(parents=True)
    child = Child(name="one", folder=folder)
    yield child
    end(child)
    sweep(folder)


def end(child: Child) -> None:
    """Kill and reap the incarnation, as the supervisor does."""
    if child.pid is not None:
        child.signal(signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        child.ended(os.waitstatus_to_exitcode(status))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.01)


def test_a_child_has_a_session_a_log_and_the_marks(child: Child) -> None:
    """Ctrl-C in the terminal does not reach it; whatever it starts can be recognised."""
    child.start(["sh", "-c", f"echo ${WORLD_MARK} ${CHILD_MARK} said; exec sleep 300"], ENV)
    until(lambda: child.last_words() != "")

    assert child.pid is not None
    assert os.getsid(child.pid) == child.pid
    mark = child.folder.mark
    assert child.last_words() == f"{mark} {mark}/one/1 said"


def test_orphans_of_a_killed_child_are_found_in_every_disguise(child: Child) -> None:
    """Same session, own session, cleared environment, double fork with cleared environment."""
    here = child.folder.of_agent("one")
    ways = ("", "setsid", "env -i setsid")
    plain = "; ".join(f"{way} {SLEEP} &" for way in ways).replace("&;", "&")
    script = f"cd {here}; {plain} (env -i setsid {SLEEP} &); wait"
    child.start(["sh", "-c", script], ENV)
    until(lambda: len(sleepers()) == 4)
    child.track(table())
    expected = sleepers()
    end(child)

    found = child.orphans(table())

    assert expected <= {process.pid for process in found}
    assert kill_all(lambda: child.orphans(table()), lambda: None) >= 4
    assert not any(is_alive(process) for process in found)


def sleepers() -> set[int]:
    done = subprocess.run(["pgrep", "-f", f"^{SLEEP}$"], capture_output=True, text=True, check=False)
    return {int(pid) for pid in done.stdout.split()}


def test_a_child_that_keeps_dying_is_given_up(child: Child) -> None:
    """Each start waits longer than the one before; after five within a minute there is none."""
    delays: list[float] = []
    for _ in range(MOST_STARTS):
        when = child.restart_at()
        assert when is not None
        delays.append(when - time.monotonic())
        child.start(["false"], ENV)
        end(child)

    assert child.restart_at() is None
    assert delays == sorted(delays)
    assert delays[0] <= 0 < delays[-1]


def test_a_start_that_comes_to_nothing_counts_and_is_told(child: Child) -> None:
    """As one that ended at once would."""
    for _ in range(MOST_STARTS):
        child.missed("could not keep a host: No space left on device")

    assert child.restart_at() is None
    assert (child.pid, child.code) == (None, 3)
    assert "No space left" in child.last_words()


def test_what_a_host_has_started_is_no_orphan(child: Child) -> None:
    """Its daemon is dead, and what it rolled out serves on."""
    host = Child(name="one", folder=child.folder, outlived=True)
    host.start(["sh", "-c", f"cd {child.folder.of_agent('one')}; setsid {SLEEP} & wait"], ENV)
    until(lambda: bool(sleepers()))
    host.track(table())
    end(host)

    assert host.orphans(table()) == set()
    assert sleepers()


def test_a_program_that_cannot_start_is_told(child: Child) -> None:
    """By the child's name and the system's words."""
    with pytest.raises(InfraError, match=r"could not start 'one': .*No such file"):
        child.start(["/nowhere/agent"], ENV)


def test_a_sweep_ends_what_carries_the_worlds_mark_and_nothing_else(tmp_path: Path) -> None:
    """Strays of a killed run, and their children that have cleared their environment."""
    mine, other = Folder(tmp_path / "mine"), Folder(tmp_path / "other")
    mine.prepare()
    mine.world_facts.write_text("{}")
    # The shell reads, rather than waits: it must not end by itself when its child is ended first.
    stray = subprocess.Popen(
        ["sh", "-c", "exec 3<&0; env -i sleep 300 & read line <&3"],
        env={**ENV, WORLD_MARK: mine.mark},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    stranger = subprocess.Popen(["sleep", "300"], env={**ENV, WORLD_MARK: other.mark})
    until(lambda: len(remains(mine)) == 2)

    count = sweep(mine)

    assert (count, sweep(mine), mine.world_facts.exists()) == (2, 0, False)
    assert stray.wait() == -signal.SIGKILL
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    assert stray.stdin is not None
    stray.stdin.close()


def test_a_sweep_spares_the_process_that_sweeps_and_its_ancestors(tmp_path: Path) -> None:
    """`ship local up` may itself run in a job of the world whose folder it cleans: it does not end itself."""
    folder = Folder(tmp_path / "state")
    folder.prepare()
    script = (
        "import sys\nfrom pathlib import Path\nfrom shipping.local.world.folder import Folder\n"
        "from shipping.local.world.sweep import sweep\nprint(sweep(Folder(Path(sys.argv[1]))))\n"
    )
    inner = [sys.executable, "-c", script, str(folder.root)]
    shell = ["sh", "-c", '"$@"; echo survived', "sh", *inner]

    done = subprocess.run(
        shell, env={**os.environ, WORLD_MARK: folder.mark}, capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout) == (0, "0\nsurvived\n")
