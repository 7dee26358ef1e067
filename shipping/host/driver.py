"""What a roll needs of whoever runs process groups, and the named moments at which it may be killed."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.host.group import Group
    from shipping.host.rolls import Release
    from shipping.records.process import ProcessType


class Transition(StrEnum):
    """Each moment after which something is different on the host. Killed at any, the next roll goes on from there."""

    SOCKET_HELD = "socket held"  # the type's listening socket is bound, a holder of its own keeps it open
    GROUP_NOTED = "group noted"  # the group's folder is there, nothing runs
    GROUP_STARTED = "group started"  # its command runs
    GROUP_READY = "group ready"  # it answered 200 and the release's commit
    GROUP_SERVING = "group serving"  # that is written down: it counts as the slot's
    DRAIN_NOTED = "drain noted"  # written down that it must finish
    DRAIN_ASKED = "drain asked"  # it was told
    GROUP_GONE = "group gone"  # nothing of it runs
    GROUP_FORGOTTEN = "group forgotten"  # its folder is away
    RELEASE_CURRENT = "release current"  # all groups are this release's: what a failed roll returns to


# Called at each transition with the group's id or the release's commit: acks, logs, and the tests' kills hang here.
Reached = Callable[[Transition, str], None]


def unheard(_transition: Transition, _what: str) -> None:
    """Listen to nothing."""


class Driver(Protocol):
    """Runs process groups that outlive it. One roll at a time uses it."""

    def groups(self) -> Sequence[Group]:
        """Return all groups, oldest first, those that ended too."""
        ...

    def start(self, release: Release, process: ProcessType, slot: int) -> Group:
        """Start a group on the type's listening socket. Where its command cannot be started, it raises Refused, or it ends at
        once with that in its log; InfraError where the host stands in the way.
        """
        ...

    def promote(self, group: Group) -> None:
        """Write down that it was ready."""
        ...

    def drain(self, group: Group, successor: str) -> None:
        """Write down that it must finish for that release, and tell it; again is harmless. Killed after its type's `drain`."""
        ...

    def forget(self, group: Group) -> None:
        """Take away what is left of a group that is not alive."""
        ...

    def tail(self, group: Group) -> str:
        """Return the end of what it printed."""
        ...

    def ended(self, group: Group) -> str:
        """Say how it ended: ``exit status 1``, ``signal 9``."""
        ...

    def current(self) -> Release | None:
        """Return the release that was last rolled out completely."""
        ...

    def set_current(self, release: Release) -> None: ...

    def boot(self, release: Release, process: ProcessType) -> None:
        """Run the type's boot check, where it has one. Raises Refused with what it printed."""
        ...
