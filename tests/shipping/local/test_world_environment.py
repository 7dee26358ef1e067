"""What agents and their jobs are given, and what must not leak into them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.local.world.environment import (
    agent_command,
    agent_environment,
    client_environment,
    inherited,
    install_programs,
    outside_sockets,
    sockets_path,
)
from shipping.local.world.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTROL = {"url": "http://127.0.0.1:1", "agent_token": "registration", "api_token": "rest", "organization": "local"}
OBJECTS = {"url": "http://127.0.0.1:2", "access_key": "AK", "secret_key": "SK", "region": "us-east-1"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "state")
    folder.prepare()
    yield folder
    shutil.rmtree(outside_sockets(folder.mark), ignore_errors=True)


def test_nothing_of_the_callers_interpreter_account_or_build_leaks(folder: Folder) -> None:
    """A world that is started from a job, a virtual environment, a Makefile or a git hook is like any other."""
    leaks = {
        "BUILDKITE_JOB_ID": "outer",
        "BUILDKITE_AGENT_ACCESS_TOKEN": "outer",
        "SHIP_LOCAL_WORLD": "outer",
        "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": "prod",
        "AWS_ACCESS_KEY_ID": "prod",
        "VIRTUAL_ENV": "/venv",
        "PYTHONPATH": "/src",
        "PYTEST_ADDOPTS": "-x",
        "COVERAGE_PROCESS_START": "x",
        "MAKEFLAGS": "-j --jobserver-auth=3,4",
        "GIT_DIR": "/elsewhere",
        "GIT_INDEX_FILE": "index",
    }

    given = agent_environment({**leaks, "PATH": "/usr/bin", "KEPT": "yes"}, folder, CONTROL, OBJECTS)

    assert [name for name, value in leaks.items() if given.get(name) == value] == []
    assert given["KEPT"] == "yes"


def test_jobs_find_our_programs_but_not_our_interpreter(folder: Folder) -> None:
    """`ship` first; `python` and `pytest` of the environment it runs in are not the job's."""
    ours = str(Path(sys.executable).parent)

    path = agent_environment({"PATH": f"{ours}:/usr/bin"}, folder, CONTROL, OBJECTS)["PATH"].split(os.pathsep)

    assert [str(folder.programs), "/usr/bin"] == path


def test_the_rest_token_is_not_given_to_agents(folder: Folder) -> None:
    """An agent registers with its own token; the one for people stays with people."""
    given = agent_environment({"PATH": "/usr/bin"}, folder, CONTROL, OBJECTS)

    assert given["BUILDKITE_AGENT_TOKEN"] == "registration"
    assert "rest" not in given.values()


def test_no_token_stands_in_an_agents_arguments(folder: Folder) -> None:
    """Arguments are visible to every user of the machine."""
    argv = agent_command(Path("/bin/agent"), folder, "ship-local-1", ("default", "deploy"), CONTROL["url"])

    assert argv[:2] == ["/bin/agent", "start"]
    assert "queue=default,queue=deploy" in argv
    assert "http://127.0.0.1:1/v3" in argv
    assert not {"registration", "rest"} & set(argv)


def test_agents_share_no_folder(folder: Folder) -> None:
    """Two agents never check out into the same place."""
    one, other = (
        {part for part in agent_command(Path("/bin/agent"), folder, name, ("default",), "u")[2:] if part[0] == "/"}
        for name in ("ship-local-1", "ship-local-2")
    )

    assert len(one) == 5
    assert one & other == set()


def test_a_long_state_path_keeps_its_sockets_elsewhere(tmp_path: Path) -> None:
    """A UNIX socket's path is short; a deep home directory must not fail the jobs."""
    deep = Folder(tmp_path / ("d" * 60) / ("e" * 60)).of_agent("ship-local-1")

    near, far = sockets_path(Path("/s/agents/ship-local-1"), "mark"), sockets_path(deep, "mark")

    assert near == Path("/s/agents/ship-local-1/sockets")
    assert not far.is_relative_to(tmp_path)
    assert len(os.fsencode(far)) < 70


def test_a_sockets_folder_that_others_may_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under /tmp anybody may have made it before us, and could then stand in for the agent."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Folder(tmp_path / ("d" * 60) / ("e" * 60))
    folder.prepare()
    agent_command(Path("/bin/agent"), folder, "ship-local-1", ("default",), "u")
    outside_sockets(folder.mark).chmod(0o777)

    with pytest.raises(UsageError, match="others can write there"):
        agent_command(Path("/bin/agent"), folder, "ship-local-2", ("default",), "u")


def test_clients_get_this_store_and_no_other_account() -> None:
    """The user's profiles and the instance's role are out of reach."""
    given = client_environment(OBJECTS)

    assert tuple(given[name] for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")) == (
        "http://127.0.0.1:2",
        "AK",
        "SK",
    )
    assert {"us-east-1"} == {given["AWS_REGION"], given["AWS_DEFAULT_REGION"]}
    assert (os.devnull, os.devnull, "true") == tuple(
        given[name] for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED")
    )


def test_loopback_needs_no_proxy() -> None:
    """The caller's proxy stays for what is outside."""
    given = inherited({"PATH": "/usr/bin", "no_proxy": "corp.test", "https_proxy": "http://proxy.test"})

    assert "corp.test,127.0.0.1,localhost" == given["no_proxy"] == given["NO_PROXY"]
    assert given["https_proxy"] == "http://proxy.test"


def test_ship_runs_from_anywhere_with_our_modules(folder: Folder, tmp_path: Path) -> None:
    """Neither the checkout's own `click` nor the job's PYTHONPATH becomes part of `ship`."""
    install_programs(folder, Path("/bin/true"), {"HOME": str(tmp_path)})
    checkout = tmp_path / "checkout"
    (checkout / "click").mkdir(parents=True)
    (checkout / "click" / "__init__.py").write_text("raise SystemExit('the wrong click')")

    done = subprocess.run(
        [str(folder.programs / "ship"), "--version"],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_jobs_find_the_agent_under_its_name(folder: Folder, tmp_path: Path) -> None:
    """Whatever the executable is called; a second start of the world may bring another."""
    for name in ("agent", "agent-new"):
        install_programs(folder, tmp_path / name, {"HOME": str(tmp_path)})

    assert (folder.programs / "buildkite-agent").readlink() == tmp_path / "agent-new"


def test_a_repository_of_another_owner_can_be_cloned(folder: Folder, tmp_path: Path) -> None:
    """Agents clone local paths; the user's own git configuration still counts."""
    home = tmp_path / 'ho"me'
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Someone\n")
    install_programs(folder, Path("/bin/true"), {"HOME": str(home)})
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": str(folder.gitconfig)}

    asked = [
        subprocess.run(
            ["git", "config", name], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        ).stdout
        for name in ("safe.directory", "user.name")
    ]

    assert asked == ["*\n", "Someone\n"]
