"""What a layer is made from, as one digest: equal inputs need no second build."""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.wire import canonical
from shipping.slug.tree import expand

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_gen.config import Layer
    from pipeline_gen.shell import Shell
    from shipping.slug.tree import Entry

# Programs whose version decides what an installation of dependencies contains (bytecode, native modules).
INTERPRETERS = ("python3", "node", "ruby")


def digest(layer: Layer, root: Path, shell: Shell) -> str | None:
    """Return the digest of a layer's inputs; None where it is made from the whole commit, which no other has.

    It covers bytes and modes of the inputs, `run`, `keep`, operating system, architecture and interpreters. Raises Refused
    where an input is not there.
    """
    if layer.inputs is None:
        return None
    facts = {
        "inputs": [
            [entry.path, entry.mode, entry.target or _bytes(root / entry.path)]
            for pattern in layer.inputs
            for entry in _expanded(layer, root, pattern)
        ],
        "run": list(layer.run),
        "keep": list(layer.keep),
        "system": platform.system(),
        "machine": platform.machine(),
        "interpreters": versions(shell) if layer.run else {},
    }
    return hashlib.sha256(canonical(facts)).hexdigest()


def versions(shell: Shell) -> dict[str, str]:
    """Return the version of each interpreter on PATH."""
    found: dict[str, str] = {}
    for program in INTERPRETERS:
        try:
            done = shell.run([program, "--version"], timeout=30)
        except InfraError:
            continue  # not on this machine
        if done.code == 0:
            found[program] = (done.out or done.err).decode(errors="replace").strip()
    return found


def _expanded(layer: Layer, root: Path, pattern: str) -> tuple[Entry, ...]:
    found = tuple(entry for entry in expand(root, [pattern]) if entry.kind != "folder")
    if not found:
        raise Refused(
            f"cannot build layer {layer.name!r}: its input {pattern!r} is not there",
            hint=f"correct slug/layers/{layer.name}/inputs in .buildkite/shipping.yml",
        )
    return found


def _bytes(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
