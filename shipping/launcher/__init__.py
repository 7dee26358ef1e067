"""The launcher that a repository commits as `.buildkite/ship`, and the list of packages, by hash, that it may install.

`ship` (beside this file) is the launcher itself; writing it fills in the pinned version.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError
from pipeline_gen.version import DISTRIBUTION, version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.shell import Shell

LAUNCHER = ".buildkite/ship"
LOCK = ".buildkite/ship.lock"
MODE = 0o755

HEAD = """\
# What .buildkite/ship installs where an agent has no ship that fits: these packages, of these hashes, and nothing else.
# Written by `ship init --lock` (or --wheels FOLDER). pip's options may stand here too, such as --index-url https://...,
# or --find-links wheels (a folder beside this file).
"""
_PINNED = re.compile(r'^readonly PINNED=".*"$', re.MULTILINE)
_VERSION = re.compile(r"\d[\w.!+]*")


def launcher(pinned: str | None = None) -> str:
    """Return the launcher's text, for a version of ship: this one's, unless another is named."""
    wanted = pinned or version()
    if not _VERSION.fullmatch(wanted):
        raise UsageError(f"cannot pin ship to {wanted!r}: it is no version")
    return _PINNED.sub(f'readonly PINNED="{wanted}"', files(__package__).joinpath("ship").read_text(encoding="utf-8"))


def lock_of(wheels: Path) -> str:
    """Return the lock of a wheel house: each version in it with the hashes of its wheels, one per platform.

    Raises UsageError where ship itself is not in there, or a package is there in two versions.
    """
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for wheel in sorted(wheels.glob("*.whl")):
        name, release = wheel.name.split("-")[:2]
        found[name.lower().replace("_", "-").replace(".", "-")][release].append(_sha256(wheel))
    if DISTRIBUTION not in found:
        raise UsageError(f"cannot lock the wheels in {str(wheels)!r}: {DISTRIBUTION} is not among them")
    doubled = [f"{name} ({', '.join(releases)})" for name, releases in found.items() if len(releases) > 1]
    if doubled:
        raise UsageError(f"cannot lock the wheels in {str(wheels)!r}: more than one version of {'; '.join(doubled)}")
    lines = [_entry(name, release, hashes) for name, releases in found.items() for release, hashes in releases.items()]
    return HEAD + "".join(lines)


def lock_from_index(
    shell: Shell, python: str, *, pinned: str | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Ask the index that pip is set up with for ship and all it needs, on this interpreter and platform; return the lock.

    Raises InfraError where pip could not bring them.
    """
    wanted = f"{DISTRIBUTION}=={pinned or version()}"
    with tempfile.TemporaryDirectory(prefix="ship-lock-") as folder:
        argv = [python, "-m", "pip", "download", "--quiet", "--no-input", "--only-binary", ":all:", "--dest", folder]
        done = shell.run([*argv, wanted], env=env, timeout=600.0)
        if done.code != 0:
            last = done.err.decode(errors="replace").strip().splitlines()[-1:] or [f"exit status {done.code}"]
            raise InfraError(
                f"could not download {wanted!r} to learn its hashes: {last[0]}",
                hint="name an index: export PIP_INDEX_URL=..., or lock a folder of wheels",
            )
        return lock_of(Path(folder))


def _entry(name: str, release: str, hashes: list[str]) -> str:
    return f"{name}=={release}" + "".join(f" \\\n    --hash=sha256:{one}" for one in hashes) + "\n"


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
