"""The releases on a host's disk. A slug is there whole or not at all, and no path that exists is ever written to.

FOLDER/releases/SLUG: manifest.json and the unpacked `tree`, renamed from FOLDER/incoming/SLUG at the end.
FOLDER/commits/COMMIT-SLUG: a link to the tree for each commit that was released of it, whose processes know it by that name.
FOLDER/blobs: compressed layers. FOLDER/trash: what was dropped and still takes room.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from pipeline_gen.errors import Refused
from shipping.host.blobs import Blobs
from shipping.host.points import nowhere
from shipping.host.retention import droppable
from shipping.host.rolls import Release
from shipping.slug import clearances, fetch
from shipping.slug.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.host.blobs import Source
    from shipping.host.memory import Memory
    from shipping.host.points import At
    from shipping.records.process import ProcessType
    from shipping.signing import Trusted

_SLUG = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_LINK = re.compile(r"([0-9a-f]{40,64})-([0-9a-f]{12})")
MANIFEST, TREE, DURABLE = "manifest.json", "tree", "durable"


class Releases:
    """One host's. ``source`` is its bucket; ``trusted``: whose signatures are asked for, None: nobody's."""

    def __init__(
        self, folder: Path, source: Source, *, app: str, trusted: Trusted | None = None, at: At = nowhere
    ) -> None:
        self._releases = folder / "releases"
        self._incoming = folder / "incoming"
        self._commits = folder / "commits"
        self._trash = folder / "trash"
        self._source = source
        self._app = app
        self._trusted = trusted
        self._at = at
        for each in (self._releases, self._incoming, self._commits, self._trash, folder / "blobs"):
            each.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._blobs = Blobs(source, folder / "blobs")

    def recover(self, *, rebooted: bool) -> None:
        """Throw away what a dead daemon left unfinished, and after a boot what may not have reached the disk before it."""
        self._blobs.forget()
        for unfinished in self._incoming.iterdir():
            self._throw(unfinished)
        if rebooted:
            for slug in self.kept():
                if not (self._releases / slug / DURABLE).exists():
                    self.drop(slug)

    def settle(self) -> bool:
        """Have the disk take what was unpacked, so that it survives a power cut. Return whether anything was to be done.

        Not on the way to a deploy: it may take seconds, and a boot only costs those releases, which are fetched again.
        """
        fresh = [slug for slug in self.kept() if not (self._releases / slug / DURABLE).exists()]
        if not fresh:
            return False
        os.sync()
        for slug in fresh:
            (self._releases / slug / DURABLE).touch()
        return True

    def admit(self, commit: str, slug: str) -> None:
        """Raise Refused unless this commit is cleared, as this slug; InfraError where the bucket cannot be asked.

        What ran here and is kept was admitted then: a rollback to it needs nothing but the lane.
        """
        link = self._link(commit, slug)
        if link.is_symlink() and str(link.readlink()) == _target(slug):
            return
        clearances.admit(self._source, self._app, commit, slug, trusted=self._trusted)

    def kept(self) -> frozenset[str]:
        """Return the slugs that are there."""
        return frozenset(one.name for one in self._releases.iterdir() if _SLUG.fullmatch(one.name))

    def fetch(self, slug: str) -> None:
        """Bring a slug of main to this disk. Raises Refused by name, `fetch.NoRoom`, InfraError; leaves nothing then."""
        if not _SLUG.fullmatch(slug):
            raise Refused(f"cannot fetch slug {slug!r}: it is no digest")
        try:
            self._fetch(slug)
        except BaseException:
            self._blobs.forget()
            self._throw(self._incoming / slug)
            self.sweep()
            raise

    def _fetch(self, slug: str) -> None:
        found = fetch.manifest(self._blobs, self._app, slug, purpose="main", trusted=self._trusted)
        self._blobs.admit(found, self._app)
        _processes(found)
        unfinished = self._incoming / slug
        self._throw(unfinished)
        try:
            unfinished.mkdir()
            self._at("fetch-begun")
            try:
                fetch.fetch(self._blobs, self._app, slug, unfinished / TREE, purpose="main", trusted=self._trusted)
            except Refused:
                self._blobs.drop(
                    found.layers
                )  # if it was one of ours that was damaged, the next try reads the bucket's
                raise
            (unfinished / MANIFEST).write_bytes(found.encode())
        except OSError as error:
            raise fetch.NoRoom(f"could not keep slug {slug[:12]!r}: {error}") from error
        self._at("unpacked")
        unfinished.rename(self._releases / slug)
        self._at("release-kept")
        self._blobs.keep(found)

    def release(self, commit: str, slug: str) -> Release:
        """Return a kept release as it is rolled out. Raises Refused where it cannot be."""
        link = self._link(commit, slug)
        with suppress(FileExistsError):
            link.symlink_to(_target(slug))
        return Release(commit=commit, folder=link, processes=_processes(self._manifest(slug)))

    def known(self, folder: Path) -> tuple[str, str] | None:
        """Return the commit and the slug of a release's folder; None where it is none of ours."""
        match = _LINK.fullmatch(folder.name)
        if match is None or folder.parent != self._commits:
            return None
        slug = next((slug for slug in self.kept() if slug.startswith(match[2])), None)
        return None if slug is None else (match[1], slug)

    def tidy(self, memory: Memory, *, pinned: frozenset[str], now: float) -> str | None:
        """Do one piece of clearing up; return the slug that was put out of the way, where that was it."""
        if self.settle() or self.sweep():
            return None
        dropped = next(iter(droppable(self.kept(), memory, pinned=pinned, now=now)), None)
        if dropped is not None:
            self.drop(dropped)
        return dropped

    def drop(self, slug: str) -> None:
        """Put a release out of the way. Its room is freed by `sweep`."""
        self._throw(self._releases / slug)
        for link in self._commits.glob(f"*-{slug[:12]}"):
            link.unlink(missing_ok=True)

    def sweep(self) -> bool:
        """Free the room of one thing that was dropped, and of layers that no release has. Return whether anything was."""
        for each in self._trash.iterdir():
            shutil.rmtree(each, ignore_errors=True)
            self._at("swept")
            return True
        named = frozenset(layer.digest for slug in self.kept() for layer in self._manifest(slug).layers)
        self._blobs.retain(named)
        return False

    def _manifest(self, slug: str) -> Manifest:
        file = self._releases / slug / MANIFEST
        return Manifest.decode(file.read_bytes(), app=self._app, slug=slug, where=f"file {str(file)!r}")

    def _link(self, commit: str, slug: str) -> Path:
        """Return the link that is there once a release was to be run here. Raises Refused where the commit is none."""
        if not _COMMIT.fullmatch(commit):
            raise Refused(f"cannot run commit {commit!r}: it is no commit")
        return self._commits / f"{commit}-{slug[:12]}"

    def _throw(self, folder: Path) -> None:
        """Rename a folder into the trash: at once, whatever it holds."""
        try:
            folder.rename(self._trash / f"{folder.name}.{uuid4().hex}")
        except FileNotFoundError:
            return
        self._at("trashed")


def _target(slug: str) -> str:
    return f"../releases/{slug}/{TREE}"


def _processes(found: Manifest) -> tuple[ProcessType, ...]:
    if not found.process_types:
        raise Refused(
            f"cannot use slug {found.slug[:12]!r}: it names no processes",
            hint="write 'processes' into .buildkite/shipping.yml, and build it again",
        )
    return found.process_types
