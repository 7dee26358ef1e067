"""What the agents of a local world are given: programs on PATH, an environment without ours, arguments, folders."""

from __future__ import annotations

import os
import shlex
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError
from shipping.local.world.folder import CHILD_MARK, WORLD_MARK, write_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shipping.local.world.folder import Folder

# Ours or of the shell that called us: with them a job would run another interpreter, another account or another git.
DROPPED_PREFIXES = ("BUILDKITE_", "AWS_", "PYTEST_", "SHIP_LOCAL_", "COV_CORE_", "COVERAGE_")
DROPPED = frozenset({
    *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH"),
    *("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "OLDPWD", "_"),
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"),
})  # fmt: skip
# A path of a UNIX socket has at most 107 bytes; below its folder the agent names them job-api/<pid>-<16 hex digits>.sock.
LONGEST_SOCKETS_PATH = 107 - len("/job-api/4194304-0123456789abcdef.sock")
LONGEST_AGENT_NAME = len("/ship-local-64")


def client_environment(objects: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables by which boto3 and the AWS tools reach the world's object store, and nothing else of AWS."""
    return {
        "AWS_ENDPOINT_URL_S3": str(objects["url"]),
        "AWS_ACCESS_KEY_ID": str(objects["access_key"]),
        "AWS_SECRET_ACCESS_KEY": str(objects["secret_key"]),
        "AWS_REGION": str(objects["region"]),
        "AWS_DEFAULT_REGION": str(objects["region"]),  # the one that boto3 reads
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def inherited(env: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment without what belongs to this process, its virtual environment or another world."""
    kept = {key: value for key, value in env.items() if key not in DROPPED and not key.startswith(DROPPED_PREFIXES)}
    ours = {str(Path(sys.prefix) / "bin"), str(Path(sys.executable).parent)} if sys.prefix != sys.base_prefix else set()
    path = (entry for entry in kept.get("PATH", os.defpath).split(os.pathsep) if entry not in ours)
    kept["PATH"] = os.pathsep.join(path)
    loopback = [entry for entry in (kept.get("no_proxy"), "127.0.0.1", "localhost") if entry]
    kept["no_proxy"] = kept["NO_PROXY"] = ",".join(loopback)
    return kept


def marks(folder: Folder, child: str) -> dict[str, str]:
    """Return the variables by which a child and all that it starts are recognised."""
    return {WORLD_MARK: folder.mark, CHILD_MARK: child}


def agent_environment(
    env: Mapping[str, str], folder: Folder, control: Mapping[str, Any], objects: Mapping[str, Any]
) -> dict[str, str]:
    """Return the agent's environment, which its jobs inherit; the registration token is taken out by the agent itself."""
    base = inherited(env)
    base["PATH"] = os.pathsep.join((str(folder.programs), base["PATH"]))
    return (
        base
        | client_environment(objects)
        | {
            "BUILDKITE_AGENT_TOKEN": str(control["agent_token"]),
            "GIT_CONFIG_GLOBAL": str(folder.gitconfig),
            "GIT_TERMINAL_PROMPT": "0",
        }
    )


def agent_command(program: Path, folder: Folder, name: str, queues: Iterable[str], url: str) -> list[str]:
    """Return the agent's argv, its folders made. ``--config`` keeps the user's own agent configuration out."""
    home = folder.of_agent(name)
    paths = {"build-path": home / "builds", "plugins-path": home / "plugins", "hooks-path": home / "hooks"}
    paths["sockets-path"] = sockets_path(home, folder.mark)
    for path in paths.values():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    if paths["sockets-path"].parent == outside_sockets(folder.mark):
        _check_private(paths["sockets-path"].parent)
    config = home / "agent.cfg"
    config.touch(mode=0o600)
    tags = ",".join(f"queue={queue}" for queue in queues)
    return [
        *(str(program), "start", "--config", str(config), "--endpoint", f"{url}/v3", "--name", name, "--tags", tags),
        *(argument for option, path in paths.items() for argument in (f"--{option}", str(path))),
        *("--no-pty", "--no-ssh-keyscan", "--no-color"),
    ]  # fmt: skip


def sockets_path(home: Path, mark: str) -> Path:
    """Return where the agent keeps its sockets: in its folder, or beside it under /tmp where the path would be too long."""
    inside = home / "sockets"
    if len(os.fsencode(inside)) <= LONGEST_SOCKETS_PATH:
        return inside
    return outside_sockets(mark) / home.name


def outside_sockets(mark: str) -> Path:
    """Return the folder of the sockets that do not fit into the state folder; the world's end removes it."""
    name = f"ship-{os.getuid()}-{mark}"
    usual = Path(tempfile.gettempdir(), name)
    # TMPDIR may lie as deep as the state folder that is too deep; whoever makes the folder checks that it is private.
    fits = len(os.fsencode(usual)) + LONGEST_AGENT_NAME <= LONGEST_SOCKETS_PATH
    return usual if fits else Path("/tmp", name)  # noqa: S108


def _check_private(path: Path) -> None:
    """Refuse a folder in a place where anybody may have made it before us."""
    found = path.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise UsageError(
            f"cannot keep sockets in {str(path)!r}: others can write there",
            hint="remove it, or shorten the path given by --state",
        )


def install_programs(folder: Folder, agent: Path, env: Mapping[str, str]) -> None:
    """Write the folder that jobs find first on PATH, and the git configuration that they read instead of the user's."""
    # -P and -E: a checkout with a folder `click`, or a job's PYTHONPATH, must not become part of `ship`.
    write_private(
        folder.programs / "ship",
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -E -P -m shipping.cli "$@"\n',
        mode=0o700,
    )
    link = folder.programs / "buildkite-agent"
    link.unlink(missing_ok=True)
    link.symlink_to(agent)
    write_private(folder.gitconfig, _gitconfig(env))


def _gitconfig(env: Mapping[str, str]) -> str:
    """Include the user's configuration; trust repositories of other owners, as clones of local paths ask for it.

    A file, not GIT_CONFIG_COUNT: git drops those variables for the other end of a local clone, which does the check.
    """
    home = Path(env.get("HOME") or Path.home())
    xdg = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    named = env.get("GIT_CONFIG_GLOBAL")
    included = [named] if named else [str(xdg / "git" / "config"), str(home / ".gitconfig")]
    escaped = (path.replace("\\", "\\\\").replace('"', '\\"') for path in included)
    includes = "".join(f'[include]\n\tpath = "{path}"\n' for path in escaped)
    return f"{includes}[safe]\n\tdirectory = *\n"
