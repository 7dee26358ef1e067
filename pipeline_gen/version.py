"""Which ship this is."""

from __future__ import annotations

DISTRIBUTION = "buildkite-ship"


def version() -> str:
    """Return the version of the installed distribution."""
    from importlib.metadata import version as installed  # late: it reads the disk, and few ask

    return installed(DISTRIBUTION)
