"""The local world as a whole: real agents run real jobs, and whatever ends, nothing is left running."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shipping.local.processes import look, table
from shipping.local.world import Folder, attached
from shipping.local.world.launch import stop
from shipping.local.world.sweep import remains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shipping.local.world import Build, World

    Repository = Callable[[Mapping[str, str]], Path]

SHIP = [sys.executable, "-m", "shipping.cli"]
# Of this test run only: others may run on the machine.
SLEEP = f"sleep 3000.{os.getpid()}"
TWO_STEPS = """
steps:
  - {key: first, command: "echo one is done"}
  - {key: second, command: "echo two is done", depends_on: first}
"""


def pipeline(text: str) -> dict[str, str]:
    return {".buildkite/pipeline.yml": text}


def until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.05)


def start(world: World, root: Path, slug: str) -> Build:
    world.create_pipeline(slug, root)
    return world.build(slug)


def running(world: World, build: Build, key: str) -> dict[str, Any]:
    """Wait until the step's job runs and has said `ready`; return the job."""

    def said() -> bool:
        jobs = world.jobs(build, key)
        return bool(jobs) and jobs[0]["state"] == "running" and "ready\n" in world.log(build, jobs[0])

    until(said)
    return world.jobs(build, key)[0]


def called(argv: str) -> set[int]:
    """The pids of the living processes that run exactly this command."""
    wanted = argv.replace(" ", "\0") + "\0"
    return {pid for pid, entry in table().items() if not entry.dead and command(pid) == wanted}


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def ship(
    *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **(env or {})}
    return subprocess.run(
        [*SHIP, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=timeout
    )


@contextlib.contextmanager
def in_the_foreground(state: Path, agent: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """`ship local up` as in a terminal: it is up when it says so. Whatever the test does, nothing of it is left."""
    argv = [*SHIP, "local", "up", "--agents", "2", "--state", str(state), "--repo", "/", *more]
    env = {**os.environ, "SHIP_BUILDKITE_AGENT": str(agent)}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("local Buildkite is up: http://127.0.0.1:"), (
                process.stderr and process.stderr.read()
            )
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=60)


@pytest.fixture
def state(short_folder: Callable[[], Path]) -> Iterator[Path]:
    """A state folder; a test that fails leaves nothing running in it either."""
    folder = short_folder() / "state"
    yield folder
    stop(Folder(folder))


def test_two_steps_pass(world: World, repository: Repository) -> None:
    """The commit's own pipeline is uploaded, its steps run in order on real agents, their output is kept."""
    build = start(world, repository(pipeline(TWO_STEPS)), "two-steps")

    shown = world.wait(build)

    first, second = world.jobs(build, "first")[0], world.jobs(build, "second")[0]
    assert shown["state"] == "passed"
    assert first["finished_at"] <= second["started_at"]
    assert "one is done\n" in world.log(build, first)
    assert "two is done\n" in world.log(build, second)


def test_a_failing_step_fails_the_build(world: World, repository: Repository) -> None:
    """With the exit status of the command; what depends on it does not run."""
    text = 'steps:\n  - {key: bad, command: "exit 7"}\n  - {key: after, command: "echo no", depends_on: bad}\n'
    build = start(world, repository(pipeline(text)), "failing")

    shown = world.wait(build)

    assert shown["state"] == "failed"
    assert world.jobs(build, "bad")[0]["exit_status"] == 7
    assert [job["state"] for job in world.jobs(build, "after")] == ["waiting_failed"]


def test_jobs_find_ship_and_the_agent_and_the_store_and_nothing_of_ours(world: World, repository: Repository) -> None:
    """`ship` is the running one; the virtual environment that it lives in stays its own."""
    script = "command -v ship buildkite-agent; ship --version; command -v pytest || echo no pytest; env"
    build = start(world, repository(pipeline(f'steps: [{{key: look, command: "{script}"}}]')), "environment")

    shown = world.wait(build)
    log = world.log(build, world.jobs(build, "look")[0]).splitlines()

    ours = str(Path(sys.executable).parent)
    assert shown["state"] == "passed"
    assert [str(world.folder.programs / "ship"), str(world.folder.programs / "buildkite-agent")] == [
        line for line in log if line.startswith(str(world.folder.programs)) and "=" not in line
    ]
    assert any(line.startswith("ship, version ") for line in log)
    assert f"AWS_ENDPOINT_URL_S3={world.environment['AWS_ENDPOINT_URL_S3']}" in log
    assert not any(line.startswith(("VIRTUAL_ENV=", "PYTHONPATH=", "PYTEST_", f"{ours}/pytest")) for line in log)


def test_a_killed_agent_takes_its_job_along_and_comes_back(world: World, repository: Repository) -> None:
    """Of all that the job started nothing runs on, however well it hid; another agent takes the agent's place."""
    script = f"{SLEEP} & setsid {SLEEP} & env -i setsid {SLEEP} & (env -i setsid {SLEEP} &); echo ready; wait"
    text = f'steps: [{{key: long, command: "{script}", retry: {{automatic: [{{exit_status: -1, limit: 0}}]}}}}]'
    build = start(world, repository(pipeline(text)), "killed")
    job = running(world, build, "long")
    before = {agent.name: agent.pid for agent in world.agents}
    victim = job["agent"]["name"]
    hidden = called(SLEEP)
    assert len(hidden) == 4

    os.kill(before[victim] or 0, signal.SIGKILL)

    until(lambda: all((entry := look(pid)) is None or entry.dead for pid in hidden), seconds=5)
    until(lambda: {agent.name: agent.pid for agent in world.agents}[victim] not in {None, before[victim]})
    others = {name: pid for name, pid in before.items() if name != victim}
    assert others.items() <= {agent.name: agent.pid for agent in world.agents}.items()
    assert world.wait(build)["state"] == "failed"
    assert world.jobs(build, "long")[0]["exit_status"] == -1


def test_a_killed_control_plane_comes_back_where_it_was(world: World, repository: Repository) -> None:
    """Same address, same tokens, same builds: agents and people go on as if nothing had been."""
    root = repository(pipeline('steps: [{key: slow, command: "echo ready; sleep 3; echo done"}]'))
    build = start(world, root, "restart")
    running(world, build, "slow")
    facts = world.folder.read(world.folder.control_facts) or {}

    os.kill(facts["pid"], signal.SIGKILL)

    until(lambda: (world.folder.read(world.folder.control_facts) or facts)["pid"] != facts["pid"])
    assert world.wait(build)["state"] == "passed"
    assert facts == {**(world.folder.read(world.folder.control_facts) or {}), "pid": facts["pid"]}


def test_a_killed_object_store_comes_back_and_jobs_get_its_new_keys(world: World, repository: Repository) -> None:
    """Its objects were in its memory and are gone, its keys are others: agents are restarted to know them."""
    before, agents = world.environment, {agent.pid for agent in world.agents}
    facts = world.folder.read(world.folder.objects_facts) or {}

    os.kill(facts["pid"], signal.SIGKILL)

    until(lambda: not agents & {agent.pid for agent in world.agents})
    build = start(world, repository(pipeline('steps: [{key: look, command: "echo key $$AWS_ACCESS_KEY_ID"}]')), "keys")
    assert world.wait(build)["state"] == "passed"
    after = world.environment
    assert before["AWS_ENDPOINT_URL_S3"] == after["AWS_ENDPOINT_URL_S3"]
    assert before["AWS_ACCESS_KEY_ID"] != after["AWS_ACCESS_KEY_ID"]
    assert f"key {after['AWS_ACCESS_KEY_ID']}\n" in world.log(build, world.jobs(build, "look")[0])


def test_up_build_log_down(state: Path, agent_program: Path, repository: Repository) -> None:
    """The commands as people type them: each says what happened, and its exit status agrees."""
    env = {"SHIP_BUILDKITE_AGENT": str(agent_program)}
    root = repository({**pipeline(TWO_STEPS), "note.txt": "committed"})
    where = ["--repo", str(root), "--state", str(state)]

    up = ship("local", "up", "--detach", "--agents", "2", "--json", *where, env=env)
    assert up.returncode == 0, up.stderr
    facts = json.loads(up.stdout)
    again = ship("local", "up", "--detach", *where, env=env)
    (root / "note.txt").write_text("not committed")
    green = ship("local", "build", "--wait", *where)
    log = ship("local", "log", "1", "--job", "second", *where)
    unknown = [ship("local", "log", "9", *where), ship("local", "log", "1", "--job", "third", *where)]
    (root / ".buildkite" / "pipeline.yml").write_text('steps: [{key: bad, command: "exit 3"}]')
    subprocess.run(
        ["git", "-c", "user.name=S", "-c", "user.email=s@localhost", "commit", "-qam", "Break"], cwd=root, check=True
    )
    red = ship("local", "build", "--wait", "--json", *where)
    down, twice = ship("local", "down", *where), ship("local", "down", *where)
    late = ship("local", "build", *where)

    assert len(facts["agents"]) == 2
    assert (again.returncode, f"process {facts['supervisor']} has run one there since" in again.stderr) == (2, True)
    assert (green.returncode, "note.txt" in green.stderr) == (0, True), green.stderr
    assert "build 1 of 'repository' has passed" in green.stderr
    assert (log.returncode, "two is done\n" in log.stdout) == (0, True), log.stderr
    assert [done.returncode for done in unknown] == [2, 2]
    assert "cannot find build 9 of 'repository'" in unknown[0].stderr
    assert "hint: its jobs: " in unknown[1].stderr
    assert (red.returncode, json.loads(red.stdout)["state"]) == (1, "failed")
    assert [(0, f"stopped {state}\n"), (0, f"nothing runs in {state}\n")] == [
        (d.returncode, d.stdout) for d in (down, twice)
    ]
    assert (late.returncode, f"ship local up --detach --state {state}" in late.stderr) == (2, True)
    assert remains(Folder(state)) == set()


def test_nothing_is_left_even_of_a_job_that_will_not_end(
    state: Path, agent_program: Path, repository: Repository
) -> None:
    """A service manager's stop, while a job runs that ignores being told to end, and has hidden a process."""
    script = f"trap : TERM INT; (env -i setsid {SLEEP} &); echo ready; while true; do {SLEEP}; done"
    root = repository(pipeline(f'steps: [{{key: stubborn, command: "{script}"}}]'))
    with in_the_foreground(state, agent_program) as process:
        with attached(state) as world:
            running(world, start(world, root, "stubborn"), "stubborn")
        assert len(called(SLEEP)) == 2

        process.terminate()
        _, said = process.communicate(timeout=60)

        assert process.returncode == 0, said
        assert remains(Folder(state)) == set()
        assert called(SLEEP) == set()
        assert Folder(state).left_by() is None


@pytest.mark.parametrize("stage", ["world.lock", "logs/control.log", "control.json", "agents/ship-local-2"])
def test_nothing_is_left_of_a_start_that_is_broken_off(state: Path, agent_program: Path, stage: str) -> None:
    """Ctrl-C while services and agents come up; the next start finds a clean folder."""
    argv = [*SHIP, "local", "up", "--agents", "2", "--state", str(state), "--repo", "/"]
    env = {**os.environ, "SHIP_BUILDKITE_AGENT": str(agent_program)}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until((state / stage).exists)
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()

        # 0 where it was up already: a fast machine is no failure.
        assert process.returncode == (0 if "is up" in said else 130)
        assert remains(Folder(state)) == set()


def test_a_terminal_that_is_closed_takes_its_world_along(state: Path, agent_program: Path) -> None:
    """The supervisor is told by SIGHUP, and can no longer say what it does: it ends everything all the same."""
    pid, terminal, _ = in_a_terminal(state, agent_program)

    os.close(terminal)

    os.waitpid(pid, 0)
    assert remains(Folder(state)) == set()
    assert Folder(state).left_by() is None


def test_ctrl_c_in_a_terminal_ends_the_world(state: Path, agent_program: Path) -> None:
    """The key itself, which reaches the terminal's whole process group: agents are not in it, and end in order."""
    pid, terminal, said = in_a_terminal(state, agent_program)

    os.write(terminal, b"\x03")

    with contextlib.suppress(OSError):  # the terminal's end, as Linux tells it
        while read := os.read(terminal, 4096):
            said += read
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert (os.waitstatus_to_exitcode(status), b"stopped\r\n" in said) == (0, True), said
    assert b"had to be killed" not in said
    assert remains(Folder(state)) == set()


def in_a_terminal(state: Path, agent: Path) -> tuple[int, int, bytes]:
    """Run `ship local up` in a terminal of its own; return its pid, the terminal and what was said when it is up."""
    argv = [*SHIP, "local", "up", "--agents", "2", "--state", str(state), "--repo", "/"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, {**os.environ, "SHIP_BUILDKITE_AGENT": str(agent)})  # noqa: S606 - a shell is not missed
    said = b""
    while b"ship local down" not in said:
        said += os.read(terminal, 4096)
    return pid, terminal, said


def test_an_agent_that_keeps_dying_is_given_up_and_the_others_work_on(
    state: Path, agent_program: Path, repository: Repository
) -> None:
    """A bounded rate of restarts: the log says when it is over."""
    with in_the_foreground(state, agent_program) as process, attached(state) as world:
        first = world.agents[0].name

        def killed() -> bool:
            pid = world.agents[0].pid
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid or os.getpid(), signal.SIGKILL if pid else 0)
            return told(f"gave up: '{first}' ended 5 times within 60 s")

        told = follow(process)
        until(killed, seconds=60)

        build = start(world, repository(pipeline(TWO_STEPS)), "one-agent-less")
        assert world.wait(build)["state"] == "passed"
        assert {job["agent"]["name"] for job in world.jobs(build)} == {world.agents[1].name}


def follow(process: subprocess.Popen[str]) -> Callable[[str], bool]:
    """Return what tells whether the process has said a sentence yet, without waiting for it."""
    assert process.stderr is not None
    number = process.stderr.fileno()
    os.set_blocking(number, False)
    said = bytearray()

    def told(sentence: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            said.extend(os.read(number, 65536))
        return sentence.encode() in said

    return told


def test_a_killed_run_is_cleaned_by_the_next(state: Path, agent_program: Path, repository: Repository) -> None:
    """kill -9 of the supervisor leaves everything running: the next `up` ends that first, and the builds are still there."""
    script = f"(env -i setsid {SLEEP} &); echo ready; exec {SLEEP}"
    root = repository(pipeline(f'steps: [{{key: long, command: "{script}"}}]'))
    with in_the_foreground(state, agent_program) as process:
        with attached(state) as world:
            build = start(world, root, "orphaned")
            running(world, build, "long")
        process.kill()
        process.communicate()
        assert len(remains(Folder(state))) >= 6  # two services, two agents, a bootstrap, a job
        assert len(called(SLEEP)) == 2

        with in_the_foreground(state, agent_program) as second:
            assert called(SLEEP) == set()
            with attached(state) as world:
                assert world.show(build)["number"] == 1
            second.terminate()
            _, said = second.communicate(timeout=60)

    assert "cleaned up after a run that was killed" in said


def test_down_cleans_up_after_a_killed_run(state: Path, agent_program: Path) -> None:
    """Whoever does not want another world need not start one to get rid of the last."""
    with in_the_foreground(state, agent_program) as process:
        process.kill()
        process.communicate()

        down = ship("local", "down", "--state", str(state))

        assert (0, f"stopped {state}\n") == (down.returncode, down.stdout)
        assert remains(Folder(state)) == set()


def test_a_world_ends_with_the_process_that_owns_it(state: Path, agent_program: Path) -> None:
    """A test run or a demo that is killed leaves no world behind."""
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom shipping.local.world import Options, started\n"
        "options = Options(state=Path(sys.argv[1]), agent=Path(sys.argv[2]), agents=1)\n"
        "with started(options, say=print):\n    print('up', flush=True)\n    time.sleep(300)\n"
    )
    argv = [sys.executable, "-c", script, str(state), str(agent_program)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert any(line == "up\n" for line in owner.stdout)
        owner.kill()

    until(lambda: Folder(state).holder() is None, seconds=30)
    assert remains(Folder(state)) == set()


def test_a_world_ends_with_its_state_folder(state: Path, agent_program: Path) -> None:
    """Who removes the folder means the world: nothing runs on in a place that is gone."""
    with in_the_foreground(state, agent_program) as process:
        shutil.rmtree(state)
        process.communicate(timeout=60)

        assert remains(Folder(state)) == set()
        assert not state.exists()


def test_what_cannot_come_up_says_why_and_leaves_nothing(state: Path, agent_program: Path, tmp_path: Path) -> None:
    """A port that is taken, a folder of somebody else, an agent that does not start."""
    env = {"SHIP_BUILDKITE_AGENT": str(agent_program)}
    (tmp_path / "other.txt").write_text("")
    broken = tmp_path / "broken-agent"
    broken.write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo buildkite-agent version 9.9.9 && exit\necho no such option\nexit 1\n"
    )
    broken.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = ship("local", "up", "--state", str(state), "--port", port, env=env)
    dirty = ship("local", "up", "--state", str(tmp_path), env=env)
    failed = ship("local", "up", "--state", str(state), env={"SHIP_BUILDKITE_AGENT": str(broken)})
    detached = ship("local", "up", "--detach", "--state", str(state), env={"SHIP_BUILDKITE_AGENT": str(broken)})

    assert (refused.returncode, f"cannot listen on port '{port}'" in refused.stderr) == (2, True)
    assert (dirty.returncode, "the folder holds other files" in dirty.stderr) == (2, True)
    for done in (failed, detached):
        assert (done.returncode, "could not start 'ship-local-" in done.stderr) == (3, True), done.stderr
        assert "no such option" in done.stderr
    assert remains(Folder(state)) == set()
