"""The state folder: whose it is, who holds it, what is read from it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.local.processes import this_process
from shipping.local.world.folder import Folder, Held, default_state, write_private
from shipping.local.world.hold import held

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from shipping.local.world.folder import Folder\n"
    "from shipping.local.world.hold import held\n"
    "with held(Folder(Path(sys.argv[1]))):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@contextmanager
def holding(state: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder until its input ends."""
    argv = [sys.executable, "-c", HOLD, str(state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """Tokens lie in it."""
    folder = Folder(tmp_path / "deep" / "state")

    folder.prepare()

    assert [folder.root.stat().st_mode & 0o777, folder.programs.stat().st_mode & 0o777] == [0o700, 0o700]


def test_the_mark_follows_from_the_place(tmp_path: Path) -> None:
    """However the path is written, it is one world; another folder is another."""
    (tmp_path / "link").symlink_to(tmp_path)

    assert Folder(tmp_path / "link" / "a").mark == Folder(tmp_path / "b" / ".." / "a").mark
    assert Folder(tmp_path / "a").mark != Folder(tmp_path / "b").mark


def test_a_folder_with_other_files_is_refused_and_untouched(tmp_path: Path) -> None:
    """`--state ~` must not become a world."""
    (tmp_path / "thesis.tex").write_text("")

    with pytest.raises(UsageError, match="the folder holds other files"):
        Folder(tmp_path).prepare()

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_was_a_world_is_taken_again(tmp_path: Path) -> None:
    """Builds of earlier runs stay."""
    folder = Folder(tmp_path)
    folder.prepare()  # as far as a start comes that fails at once
    with held(folder):
        (tmp_path / "builds.sqlite").write_text("")

    with held(folder):
        assert (tmp_path / "builds.sqlite").exists()


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    """The message names the folder and what the system said."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match=r"cannot keep a local world in .*file/state.*Not a directory"):
        Folder(tmp_path / "file" / "state").prepare()


def test_a_second_holder_is_refused_by_name(tmp_path: Path) -> None:
    """Who has it, since when, where its page is, and what to do."""
    folder = Folder(tmp_path)
    with holding(tmp_path) as process:
        folder.publish({"url": "http://127.0.0.1:1234"})

        with pytest.raises(UsageError) as refusal, held(folder):
            pass

        holder = folder.holder()
        assert holder is not None
        assert holder.process.pid == process.pid
        assert f"process {process.pid} has run one there since 20" in refusal.value.message
        assert refusal.value.message.endswith("at http://127.0.0.1:1234")
        assert f"ship local down --state {tmp_path}" in (refusal.value.hint or "")


def test_a_killed_holder_is_known_as_one_and_its_place_is_free(tmp_path: Path) -> None:
    """The kernel drops the lock; the signature tells that nobody said farewell."""
    folder = Folder(tmp_path)
    with holding(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()

    left = folder.left_by()
    assert left is not None
    assert left.process.pid == process.pid
    assert folder.holder() is None
    with held(folder):
        assert folder.holder() is not None
    assert folder.left_by() is None


def test_the_lock_is_not_inherited(tmp_path: Path) -> None:
    """A child that outlives its supervisor does not hold the folder in its place."""
    folder = Folder(tmp_path)
    with held(folder):
        child = subprocess.Popen(["sleep", "300"], close_fds=False)
    try:
        with held(folder):
            pass
    finally:
        child.kill()
        child.wait()


def test_the_same_process_cannot_hold_twice(tmp_path: Path) -> None:
    """The lock belongs to the opened file, not to the process."""
    folder = Folder(tmp_path)
    with held(folder), pytest.raises(Held), folder.hold("later"):
        pass


def test_facts_are_read_only_of_the_process_meant(tmp_path: Path) -> None:
    """What the last run's control plane wrote is not this one's."""
    folder = Folder(tmp_path)
    folder.control_facts.write_text(json.dumps({"pid": 7, "url": "http://old"}))

    assert folder.read(folder.control_facts, pid=8) is None
    assert folder.read(folder.control_facts, pid=7) == {"pid": 7, "url": "http://old"}
    assert folder.read(folder.control_facts) == {"pid": 7, "url": "http://old"}


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_broken_facts_are_none(tmp_path: Path, text: str) -> None:
    """A file that is not ours to understand is as good as none."""
    folder = Folder(tmp_path)
    folder.control_facts.write_text(text)

    assert folder.read(folder.control_facts) is None


def test_an_unsigned_or_foreign_signature_is_nobody(tmp_path: Path) -> None:
    """A reused pid with another start time does not hold anything."""
    me = this_process()
    (tmp_path / "world.lock").write_text(json.dumps({"pid": me.pid, "started": me.started - 1, "since": "then"}))

    assert Folder(tmp_path).holder() is None
    assert Folder(tmp_path).left_by() is not None


def test_private_files_are_private_from_the_first_byte(tmp_path: Path) -> None:
    """And appear whole under their name, over whatever was there."""
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert (path.read_text(), path.stat().st_mode & 0o777, os.listdir(tmp_path)) == ("new", 0o600, ["secret"])  # noqa: PTH208


def test_each_repository_has_a_state_folder_of_its_own(tmp_path: Path) -> None:
    """By XDG rules: an absolute XDG_STATE_HOME, else below the home; two checkouts of one name do not meet."""
    env = {"HOME": "/home/me", "XDG_STATE_HOME": "/state"}
    one, other = default_state(tmp_path / "a" / "app", env), default_state(tmp_path / "b" / "app", env)

    assert one.parent == Path("/state/buildkite-ship")
    assert one.name.startswith("app-")
    assert one != other
    assert default_state(tmp_path, {**env, "XDG_STATE_HOME": "relative"}).parent == Path(
        "/home/me/.local/state/buildkite-ship"
    )
