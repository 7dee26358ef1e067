"""Put files where nothing stood before. What is there already is never changed: the same bytes are kept, others refused."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

PLUGINS = ".buildkite/plugins"
_OURS = Path(__file__).parents[2] / "buildkite_ship_plugins"  # where the wheel puts them
_SOURCE = Path(__file__).parents[2] / "plugins"  # in a checkout of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to write: its path from the repository's root."""

    path: str
    body: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What was written, and what was there with the same bytes."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def vendored() -> tuple[NewFile, ...]:
    """Return our plugins as files of the repository, so that every agent can run them whatever its version."""
    folder = _OURS if _OURS.is_dir() else _SOURCE
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    if not found:
        raise InfraError(f"could not find our plugins in {str(folder)!r}: this installation is not whole")
    return tuple(
        NewFile(
            path=f"{PLUGINS}/{path.relative_to(folder).as_posix()}",
            body=path.read_bytes(),
            # Not what the installed file is: wheels lose it, and a hook is a program.
            executable=path.parent.name == "hooks",
        )
        for path in found
    )


def place(root: Path, files: Sequence[NewFile]) -> Placed:
    """Write the files. Raises Refused naming every one that is there with other contents; then nothing is written."""
    kept = standing(root, files)
    new = [file for file in files if file.path not in kept]
    for file in new:
        _create(root / file.path, file)
    return Placed(written=tuple(file.path for file in new), kept=kept)


def standing(root: Path, files: Sequence[NewFile]) -> tuple[str, ...]:
    """Return which of the files are there already, the same; raises Refused naming those that are there and differ."""
    there = [file for file in files if os.path.lexists(root / file.path)]
    kept = tuple(file.path for file in there if _same(root / file.path, file.body))
    outside = [file.path for file in files if not _inside(root, file.path)]
    differing = [file.path for file in there if file.path not in kept]
    if outside or differing:
        listed = "".join(f"\n  {path}" for path in (*differing, *outside))
        raise Refused(
            f"cannot write what is there already, and is not what would be written; nothing was changed:{listed}",
            hint="see what would be written: ship init --dry-run",
        )
    return kept


def _same(path: Path, body: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == body
    except OSError:
        return False


def _inside(root: Path, path: str) -> bool:
    """True where no link leads the file out of the repository."""
    return (root / path).parent.resolve().is_relative_to(root.resolve())


def _create(path: Path, file: NewFile) -> None:
    """Create a file whole or not at all: who is killed here leaves no half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".ship-init-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as half:
                half.write(file.body)
            Path(name).chmod(0o755 if file.executable else 0o644)
            os.link(name, path)  # fails where somebody was faster
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
    except OSError as error:
        raise InfraError(f"could not write {str(path)!r}: {error.strerror}") from error
