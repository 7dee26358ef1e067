"""Which commit a new build is of: asked of the repository itself where it lies on this machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import ShipError
from pipeline_gen.git import Git
from shipping.local.engine.rejection import Rejection

if TYPE_CHECKING:
    from pipeline_gen.shell import Shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    commit: str
    branch: str
    message: str


async def resolve(shell: Shell, repository: str, wanted: Revision) -> Revision:
    """Return the revision with its full commit and, where none was given, the commit's subject.

    A repository elsewhere is not asked: its HEAD is found by the first job's checkout.
    """
    place = repository.removeprefix("file://")
    if not place.startswith("/"):
        return wanted
    return await asyncio.to_thread(_ask, Git(shell=shell, root=Path(place)), wanted)


def _ask(git: Git, wanted: Revision) -> Revision:
    name = f"refs/heads/{wanted.branch}" if wanted.commit == "HEAD" else wanted.commit
    try:
        commit = git.resolve(name)
        message = wanted.message or git.message(commit)
    except ShipError as error:
        raise Rejection(error.message) from None
    return Revision(commit=commit, branch=wanted.branch, message=message)
