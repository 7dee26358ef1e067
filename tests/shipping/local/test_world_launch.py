"""What a world is asked to be, what is refused before anything starts, and ending what is not there."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.local.hosts.roster import Host
from shipping.local.processes import Process
from shipping.local.world import Folder, Options, attached
from shipping.local.world.launch import check, stop
from shipping.local.world.options import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Iterator


def options(state: Path, **changes: object) -> Options:
    return Options(state=state, agent=Path("/bin/buildkite-agent"), **changes)  # type: ignore[arg-type]


def test_options_survive_the_way_to_the_supervisor(tmp_path: Path) -> None:
    """They travel as one argument."""
    asked = options(
        tmp_path,
        agents=7,
        queues=("deploy", "control"),
        buckets=("one", "two"),
        hosts=(
            Host(
                app="inbox", region="us", name="us-1", bucket="one", spread=2.5, listens=("web",), trusted=("main K",)
            ),
        ),
        host_env=tmp_path / "env",
        port=1234,
        lost_after=8.5,
        owner=Process(pid=4, started=5),
    )

    assert asked == loads(dumps(asked))
    assert options(tmp_path) == loads(dumps(options(tmp_path)))


def test_every_agent_serves_the_default_queue_once(tmp_path: Path) -> None:
    """A queue that is named twice, or is the default, is served once."""
    assert options(tmp_path, queues=("deploy", "default", "deploy")).served == ("default", "deploy")


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """The message names the port; a free one is what one gets without the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(UsageError, match=f"cannot listen on port '{port}'"):
            check(options(tmp_path / "state", port=port))

    check(options(tmp_path / "state", port=port))


@pytest.mark.parametrize("port", [70000, -1])
def test_a_number_that_is_no_port_is_refused(tmp_path: Path, port: int) -> None:
    """Not a stack trace of the socket's."""
    with pytest.raises(UsageError, match="cannot listen on port"):
        check(options(tmp_path / "state", port=port))


def test_a_world_without_agents_is_refused(tmp_path: Path) -> None:
    """Nothing would ever run."""
    with pytest.raises(UsageError, match="cannot start 0 agents"):
        check(options(tmp_path / "state", agents=0))


def test_a_folder_without_a_world_says_how_to_start_one(tmp_path: Path) -> None:
    """Exit 2: nothing was done, and this is the command."""
    with pytest.raises(UsageError, match="cannot find a running local world") as refusal, attached(tmp_path / "state"):
        pass

    assert f"ship local up --detach --state {tmp_path / 'state'}" in (refusal.value.hint or "")


def test_ending_what_never_was_does_nothing(tmp_path: Path) -> None:
    """It does not even make the folder; and again where a world has ended."""
    assert not stop(Folder(tmp_path / "state"))
    assert not (tmp_path / "state").exists()

    Folder(tmp_path / "state").prepare()
    assert not stop(Folder(tmp_path / "state"))


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder and ends with SIGTERM, after a while."""
    script = (
        "import signal, sys, time\n"
        "from pathlib import Path\n"
        "from shipping.local.world.folder import Folder\n"
        "from shipping.local.world.hold import held\n"
        "with held(Folder(Path(sys.argv[1]))):\n"
        "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(time.sleep(0.3)))\n"
        "    print('held', flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_ending_returns_when_the_supervisor_has_ended(tmp_path: Path, deaf: subprocess.Popen[str]) -> None:
    """What comes after `down` finds a free folder."""
    begun = time.monotonic()

    assert stop(Folder(tmp_path))

    assert time.monotonic() - begun >= 0.3
    assert Folder(tmp_path).holder() is None
    assert deaf.wait() == 0


def test_a_supervisor_that_does_not_end_is_killed(tmp_path: Path, deaf: subprocess.Popen[str]) -> None:
    """A stopped process, say, cannot answer."""
    deaf.send_signal(signal.SIGSTOP)

    assert stop(Folder(tmp_path), timeout=0.2)

    assert deaf.wait() == -signal.SIGKILL
