"""Holding a state folder, with words for whom it is refused to."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline_gen.clock import rfc3339
from pipeline_gen.errors import UsageError
from shipping.local.world.folder import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.world.folder import Folder, Holder


@contextlib.contextmanager
def held(folder: Folder) -> Iterator[Holder | None]:
    """Prepare and hold the folder while the block runs; raises UsageError naming who holds it already.

    Yields the supervisor that was killed in it, if the last one was.
    """
    folder.prepare()
    with contextlib.ExitStack() as stack:
        try:
            left = stack.enter_context(folder.hold(rfc3339(datetime.now(UTC))))
        except Held as error:
            raise taken(folder, error.holder) from None
        yield left


def taken(folder: Folder, holder: Holder | None) -> UsageError:
    """Return the refusal of a second world in one folder."""
    facts = folder.read(folder.world_facts) or {}
    who = f"process {holder.process.pid} has run one there since {holder.since}" if holder else "one is starting there"
    where = f" at {facts['url']}" if facts.get("url") else ""
    return UsageError(
        f"cannot start a local world in {str(folder.root)!r}: {who}{where}",
        hint=f"use it, or end it with `ship local down {folder.option}`, or choose another folder with --state",
    )
