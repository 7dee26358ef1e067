"""The state folder of a local world: where things lie in it, who holds it, and what those who run in it have written."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError
from shipping.local.hosts.published import FACTS
from shipping.local.processes import Process, is_alive, this_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# In the environment of every process of a world: which world, and which of its children the process belongs to.
WORLD_MARK = "SHIP_LOCAL_WORLD"
CHILD_MARK = "SHIP_LOCAL_CHILD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The supervisor that holds a state folder, as it signed in the lock file."""

    process: Process
    since: str


class Held(Exception):
    """The folder is held by a running supervisor; ``holder`` is None for the moment before it has signed."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__("held")
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Folder:
    """A state folder. ``root`` is made absolute and resolved: the world's mark follows from it."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.resolve())

    @property
    def mark(self) -> str:
        """The world's id. It follows from the path, so that what a killed run left is found without its records."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def option(self) -> str:
        """The option by which commands name this folder, as one would type it."""
        return f"--state {shlex.quote(str(self.root))}"

    @property
    def control_facts(self) -> Path:
        return self.root / "control.json"

    @property
    def objects_facts(self) -> Path:
        return self.root / "objects.json"

    @property
    def world_facts(self) -> Path:
        return self.root / FACTS

    @property
    def programs(self) -> Path:
        """What jobs find first on their PATH: `ship` and `buildkite-agent`, nothing else of ours."""
        return self.root / "bin"

    @property
    def gitconfig(self) -> Path:
        return self.root / "gitconfig"

    @property
    def worktrees(self) -> Path:
        """Where uncommitted work is kept for agents to fetch."""
        return self.root / "worktrees"

    def log(self, child: str) -> Path:
        return self.root / "logs" / f"{child}.log"

    @property
    def agents(self) -> Path:
        return self.root / "agents"

    def of_agent(self, name: str) -> Path:
        return self.agents / name

    def prepare(self) -> None:
        """Create the folder (readable by its owner only). Raises UsageError if it holds somebody else's files."""
        try:
            if self.root.exists() and any(self.root.iterdir()) and not self._lock_path.exists():
                raise UsageError(
                    f"cannot keep a local world in {str(self.root)!r}: the folder holds other files",
                    hint="name an empty or new folder with --state",
                )
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            # First of all: from here on the folder is known as a world's, even if nothing else follows.
            self._lock_path.touch(mode=0o600)
            for path in (self.root / "logs", self.programs):
                path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot keep a local world in {str(self.root)!r}: {error.strerror or error}",
                hint="name a folder that can be written with --state",
            ) from error

    @contextlib.contextmanager
    def hold(self, since: str) -> Iterator[Holder | None]:
        """Hold the folder for this process, signed with ``since``; raises Held if another one does.

        Yields who held it before and ended without a farewell, None if the last run ended cleanly.

        The kernel drops the lock with its holder, however that ends; the signature is emptied on a clean end.
        """
        with self._lock_path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Held(self._signature()) from None
            left = self._signature()
            me = this_process()
            self._sign(json.dumps({"pid": me.pid, "started": me.started, "since": since}))
            try:
                yield left
            finally:
                self._sign("")

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn among commands that change the same settings; the kernel ends it with the process."""
        with (self.root / "turn.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def holder(self) -> Holder | None:
        """Return who holds the folder now, None if nobody does."""
        signature = self._signature()
        return signature if signature is not None and is_alive(signature.process) else None

    def left_by(self) -> Holder | None:
        """Return who held the folder and ended without a farewell, None if the last run ended cleanly."""
        signature = self._signature()
        return signature if signature is not None and not is_alive(signature.process) else None

    def read(self, path: Path, *, pid: int | None = None) -> dict[str, Any] | None:
        """Return what a process of the world wrote about itself; None if it has not, or if another than ``pid`` has."""
        try:
            facts = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return facts if isinstance(facts, dict) and pid in {None, facts.get("pid")} else None

    def publish(self, facts: Mapping[str, Any]) -> None:
        """Replace the world's facts, whole or not at all; they name tokens' places, never tokens."""
        write_private(self.world_facts, json.dumps(facts, indent=2) + "\n")

    def forget(self) -> None:
        """Remove what running processes had written about themselves."""
        for path in (self.world_facts, self.control_facts, self.objects_facts):
            path.unlink(missing_ok=True)

    @property
    def _lock_path(self) -> Path:
        return self.root / "world.lock"

    def _signature(self) -> Holder | None:
        try:
            signed = json.loads(self._lock_path.read_text())
            process = Process(pid=int(signed["pid"]), started=int(signed["started"]))
            return Holder(process=process, since=str(signed["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _sign(self, text: str) -> None:
        # In place: another file under this name would be another lock.
        with contextlib.suppress(FileNotFoundError):
            self._lock_path.write_text(text)


def write_private(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file that only its owner may read, by atomic rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    temporary.replace(path)


def default_state(repository: Path, env: Mapping[str, str]) -> Path:
    """Return the state folder of a repository: one for each, outside of it, by the XDG rules."""
    named = env.get("XDG_STATE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path(env.get("HOME") or Path.home()) / ".local" / "state"
    root = repository.resolve()
    return base / "buildkite-ship" / f"{root.name}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:8]}"
