"""The one seam through which short programs are run: argv lists only, never a shell."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a program left behind. ``code`` is negative when a signal ended it, as in `subprocess`."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode(errors="replace")

    @property
    def complaint(self) -> str:
        """Return the last line the program wrote, which is where programs say what went wrong."""
        lines = (self.err or self.out).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self.code}"


class Shell(Protocol):
    """Runs a program to its end and returns what it left, whatever its exit status."""

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Done: ...


class LocalShell:
    """Runs programs on this machine.

    ``env`` replaces the environment (None: inherited). Raises InfraError if the program is missing or outlives ``timeout``
    (seconds); it is killed then.
    """

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Done:
        try:
            done = subprocess.run(
                list(argv), cwd=cwd, env=env, input=stdin, capture_output=True, timeout=timeout, check=False
            )
        except FileNotFoundError as error:
            raise InfraError(f"cannot run {argv[0]!r}: {error.strerror}: {error.filename!r}") from error
        except PermissionError as error:
            raise InfraError(f"cannot run {argv[0]!r}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise InfraError(f"could not finish {argv[0]!r} within {timeout:g} s") from error
        return Done(argv=tuple(argv), code=done.returncode, out=done.stdout, err=done.stderr)
