"""What the jobs of one build keep for each other where there is no bucket: as the build's artifacts.

Nothing is create-only here, so what is kept under one key must be the same whoever keeps it, or the key must say whose it is:
plans lie under their digest, reports and proofs under job and attempt. What is kept for other builds (durations, history,
releases) has no place here: it is written nowhere and read as absent.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.ports import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.buildkite.agent import Agent

# The folder that people see on the build's page.
ROOT = "ship"
KEPT = "plans"


class ArtifactStore:
    """A `VersionedStore` of what one build keeps (keys of `<app>/plans/`), by its `buildkite-agent`.

    Each call that is not answered from memory is one search, or one upload, of Buildkite's: 1 and 2 of the 600 artifact
    calls that an organization has per minute.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._read: dict[str, bytes] = {}

    def create(self, key: str, body: bytes) -> bool:
        """Upload the body as an artifact. True always: there is nobody to lose against."""
        if _is_kept(key):
            with tempfile.TemporaryDirectory(prefix="ship-") as folder:
                self.create_among(key, body, Path(folder))
        return True

    def create_among(self, key: str, body: bytes, folder: Path, *patterns: str) -> None:
        """Upload the body together with files of ``folder``, by glob: one upload takes two calls, however many files."""
        file = folder / ROOT / key
        file.parent.mkdir(parents=True)
        file.write_bytes(body)
        self._agent.upload_artifacts(f"{ROOT}/{key}", *patterns, cwd=folder)
        self._read[key] = body

    def get(self, key: str) -> Stored | None:
        if key not in self._read and _is_kept(key):
            self._download(key)
        body = self._read.get(key)
        return None if body is None else Stored(body=body, version=_version(body))

    def list(self, prefix: str) -> Iterator[str]:
        """Download all that begins with ``prefix`` at once: whoever lists reads it next, and each look is a call."""
        if _is_kept(prefix):
            self._download(f"{prefix}*")
        yield from sorted((key for key in self._read if key.startswith(prefix)), key=str.encode)

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:  # noqa: ARG002 - the port's signature
        """Create: what is replaced is for other builds, and goes nowhere."""
        self.create(key, body)
        return _version(body)

    def _download(self, pattern: str) -> None:
        with tempfile.TemporaryDirectory(prefix="ship-") as folder:
            # Retried jobs too: the generator that made the plan, the shard whose report a later attempt outweighs.
            if not self._agent.download_artifacts(f"{ROOT}/{pattern}", Path(folder), retried=True):
                return
            root = Path(folder, ROOT)
            for file in root.rglob("*"):
                if file.is_file():
                    self._read[file.relative_to(root).as_posix()] = file.read_bytes()


def _is_kept(key: str) -> bool:
    return key.split("/")[1:2] == [KEPT]


def _version(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
