"""The bare repository beside a repository, from which agents fetch what that does not hold. Borrowed objects, own refs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline_gen.shell import Shell

KEPT = "refs/ship/"
"""Each commit that was shown keeps a name here: a retry may fetch it long after its branch has moved on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The shadow of the repository at ``root``, in ``folder``. ``env`` is clean of git's own variables."""

    shell: Shell
    root: Path
    folder: Path
    env: Mapping[str, str]

    @property
    def path(self) -> Path:
        digest = hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:8]
        return self.folder / f"{self.root.resolve().name}-{digest}.git"

    @property
    def writing(self) -> dict[str, str]:
        """The environment in which git, standing in the repository, writes its objects here."""
        borrowed = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": self._quoted(self._objects)}
        return dict(self.env) | {"GIT_OBJECT_DIRECTORY": str(self.path / "objects")} | borrowed

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others away while it changes; the kernel lets go with its holder, however that ends."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def prepare(self) -> None:
        """Make it, or mend what a killed run left, and let it borrow what the repository has now."""
        if not (self.path / "HEAD").exists():
            self._create()
        for left in (*self.path.glob("*.lock"), *(self.path / "refs").rglob("*.lock")):
            left.unlink()
        alternates = self.path / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        # Not quoted: a clone reads the line as it stands.
        _replace(alternates, os.fsencode(f"{self._objects}\n"))
        shallow = Path(self._asked("rev-parse", "--path-format=absolute", "--git-path", "shallow"))
        if shallow.exists():
            _replace(self.path / "shallow", shallow.read_bytes())
        else:
            (self.path / "shallow").unlink(missing_ok=True)

    def show(self, branch: str, commit: str) -> None:
        """Show the repository's branches and tags, and ``commit`` as the tip of ``branch``."""
        wanted = self._refs(self.root) | {f"refs/heads/{branch}": commit}
        found = self._refs(self.path)
        gone = found.keys() - wanted.keys()
        new = {name: target for name, target in wanted.items() if found.get(name) != target}
        # Removed first: a branch `a` keeps one called `a/b` from being made.
        self._update("".join(f"delete {name}\n" for name in sorted(gone)))
        self._update("".join(f"update {name} {target}\n" for name, target in sorted(new.items())))
        self._update(f"update {KEPT}{commit} {commit}\n")
        self._must(self.path, "symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def _create(self) -> None:
        """Make it under another name first: what has a HEAD here is whole."""
        making = self.path.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        form = self._asked("rev-parse", "--show-object-format")
        self._must(self.root, "init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(making))
        for setting, value in (("gc.auto", "0"), ("uploadpack.allowAnySHA1InWant", "true")):
            self._must(making, "config", setting, value)
        shutil.rmtree(self.path, ignore_errors=True)
        making.rename(self.path)

    @property
    def _objects(self) -> str:
        return self._asked("rev-parse", "--path-format=absolute", "--git-path", "objects")

    @staticmethod
    def _quoted(path: str) -> str:
        # In a list of paths, a quoted one may hold the separator and any byte, as git reads it.
        return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    def _refs(self, where: Path) -> dict[str, str]:
        listed = self._must(where, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
        return {name: target for target, _, name in (line.partition(" ") for line in listed.splitlines())}

    def _update(self, instructions: str) -> None:
        if instructions:
            self._must(self.path, "update-ref", "--stdin", stdin=os.fsencode(instructions))

    def _asked(self, *arguments: str) -> str:
        return self._must(self.root, *arguments).removesuffix("\n")

    def _must(self, where: Path, *arguments: str, stdin: bytes = b"") -> str:
        done = self.shell.run(["git", "-C", str(where), *arguments], env=self.env, stdin=stdin)
        if done.code != 0:
            raise InfraError(f"could not prepare {str(self.path)!r} for agents to fetch from: {done.complaint}")
        return done.out.decode("utf-8", "surrogateescape")


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    temporary.replace(path)
