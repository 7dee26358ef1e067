"""Everything a job starts dies with it, and with its agent: real processes, killed at each level."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from shipping.processes import ProcessTree, Watch, agent_of
from shipping.processes.keeper import process_start

if TYPE_CHECKING:
    from pathlib import Path

# A program that does what it can to survive: a session of its own, a double fork, deaf to polite signals.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
for _ in range(2):
    if os.fork():
        time.sleep(600)
    os.setsid()
with open(sys.argv[1] + ".part", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""
# The chain of a job on an agent: this "agent" starts a "job", which runs the program in a tree.
JOB = """
import os, sys
from pathlib import Path
from shipping.processes import ProcessTree, agent_of, exit_on_sigterm
folder = Path(sys.argv[1])
(folder / "job").write_text(str(os.getpid()))
agent = agent_of({"BUILDKITE_AGENT_PID": sys.argv[3]})
assert agent is not None
with exit_on_sigterm(), ProcessTree(folder=folder, agent=agent) as tree:
    tree.run([sys.executable, "-c", sys.argv[2], str(folder / "stubborn")], cwd=folder, env=os.environ, output=print)
"""
AGENT = """
import os, subprocess, sys
sys.exit(subprocess.call([sys.executable, "-c", *sys.argv[1:], str(os.getpid())]))
"""


def wait_for(path: Path) -> int:
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.01)
    return int(path.read_text())


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while process_start(pid) is not None:
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.01)


@pytest.mark.parametrize("victim", ["agent", "job"])
def test_kill_9_of_the_agent_or_the_job_leaves_nothing_running(tmp_path: Path, victim: str) -> None:
    """The agent's death is noticed by the job's keeper, the job's own by the keeper's pipe."""
    agent = subprocess.Popen([sys.executable, "-c", AGENT, JOB, str(tmp_path), STUBBORN], stderr=subprocess.DEVNULL)
    try:
        stubborn, job = wait_for(tmp_path / "stubborn"), wait_for(tmp_path / "job")
        os.kill(agent.pid if victim == "agent" else job, signal.SIGKILL)
        wait_gone(stubborn)
        wait_gone(job)
    finally:
        agent.kill()
        agent.wait()


def test_kill_9_of_the_keeper_takes_the_program_along(tmp_path: Path) -> None:
    """Nobody is left then to hunt what fled into another session, but the program itself has the kernel's word."""
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(600)"
    lines = [f"import os, signal; os.kill(os.getppid(), signal.SIGKILL); {code}"]
    with ProcessTree(folder=tmp_path) as tree, pytest.raises(InfraError, match="its keeper was killed"):
        tree.run([sys.executable, "-c", *lines], cwd=tmp_path, env=os.environ, output=print)

    if (tmp_path / "pid").exists():
        wait_gone(wait_for(tmp_path / "pid"))


def test_many_short_programs_are_all_followed_to_their_end(tmp_path: Path) -> None:
    """A program may end before its keeper has looked at it once."""
    with ProcessTree(folder=tmp_path) as tree:
        codes = [
            tree.run(["sh", "-c", f"exit {number}"], cwd=tmp_path, env=os.environ, output=print).code
            for number in range(20)
        ]

    assert codes == list(range(20))


def test_sigterm_of_the_job_ends_all_of_it(tmp_path: Path) -> None:
    """A cancelled job: status 143, nothing left."""
    agent = subprocess.Popen([sys.executable, "-c", AGENT, JOB, str(tmp_path), STUBBORN])
    stubborn = wait_for(tmp_path / "stubborn")

    os.kill(wait_for(tmp_path / "job"), signal.SIGTERM)

    assert agent.wait(timeout=20) == 128 + signal.SIGTERM
    wait_gone(stubborn)


def test_what_a_program_leaves_running_dies_when_it_ends(tmp_path: Path) -> None:
    with ProcessTree(folder=tmp_path) as tree:
        start = ["sh", "-c", "setsid sleep 600 & echo $! > pid; exit 3"]
        ended = tree.run(start, cwd=tmp_path, env=os.environ, output=print)

        assert (ended.cause, ended.code) == ("exit", 3)
        wait_gone(wait_for(tmp_path / "pid"))


def test_what_lingers_lives_until_the_tree_is_left(tmp_path: Path) -> None:
    with ProcessTree(folder=tmp_path) as tree:
        start = ["sh", "-c", "setsid sleep 600 & echo $! > pid"]
        tree.run(start, cwd=tmp_path, env=os.environ, output=print, linger=True)
        pid = wait_for(tmp_path / "pid")

        assert process_start(pid) is not None
    assert process_start(pid) is None


def test_output_is_followed_line_by_line_and_the_tail_is_kept(tmp_path: Path) -> None:
    lines: list[str] = []
    with ProcessTree(folder=tmp_path) as tree:
        ended = tree.run(["printf", "one\\r\\ntwo\\nthr\\377e"], cwd=tmp_path, env=os.environ, output=lines.append)

    assert lines == ["one", "two", "thr�e"]
    assert ended.tail.startswith("one")


def test_a_program_without_progress_is_killed_and_says_where_it_was(tmp_path: Path) -> None:
    code = "import faulthandler, time\nfaulthandler.enable()\ntime.sleep(600)\n"
    with ProcessTree(folder=tmp_path) as tree:
        watch = Watch(path=tmp_path / "progress", seconds=0.3)
        ended = tree.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ, output=print, watch=watch)

    assert ended.cause == "hang"
    assert "Fatal Python error: Aborted" in ended.tail


def test_a_program_with_progress_is_not_killed(tmp_path: Path) -> None:
    code = "for n in 1 2 3 4 5 6; do echo x >> progress; sleep 0.2; done"
    with ProcessTree(folder=tmp_path) as tree:
        watch = Watch(path=tmp_path / "progress", seconds=0.7)
        ended = tree.run(["sh", "-c", code], cwd=tmp_path, env=os.environ, output=print, watch=watch)

    assert (ended.cause, ended.code) == ("exit", 0)


def test_a_program_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with ProcessTree(folder=tmp_path) as tree:
        ended = tree.run(["no-such-program"], cwd=tmp_path, env=os.environ, output=print)

    assert (ended.cause, ended.message) == ("missing", "No such file or directory")


def test_an_agent_that_died_before_is_noticed_at_once(tmp_path: Path) -> None:
    """The number alone may be somebody else's by now: the start time tells."""
    with ProcessTree(folder=tmp_path, agent=f"{os.getpid()}:1") as tree, pytest.raises(InfraError, match="is gone"):
        tree.run(["sleep", "600"], cwd=tmp_path, env=os.environ, output=print)


def test_only_an_ancestor_is_taken_for_the_agent() -> None:
    """In a container the agent's number may belong to any process."""
    mine = process_start(os.getpid())
    assert mine is not None
    with subprocess.Popen(["sleep", "600"]) as child:
        assert agent_of({"BUILDKITE_AGENT_PID": str(child.pid)}) is None
        child.kill()
    parent = process_start(os.getppid())
    assert parent is not None

    assert agent_of({"BUILDKITE_AGENT_PID": str(os.getppid())}) == f"{os.getppid()}:{parent[1]}"
    assert agent_of({}) is None
