"""An artifact as one line of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.server.page.tree import name

if TYPE_CHECKING:
    from shipping.local.engine.records import Build
    from shipping.local.ledger.artifacts import Artifact
    from shipping.local.server.plane import Plane


def artifact_row(world: Plane, of: Build, artifact: Artifact) -> dict[str, str]:
    """Return path, address, job, size and digest in words. What is not here yet has no address."""
    job = world.state.jobs[of.id][artifact.job]
    here = f"/downloads/{artifact.secret}" if artifact.received else ""
    return {
        "path": artifact.path,
        "url": artifact.url if artifact.url.startswith(("http://", "https://")) else here,
        "state": artifact.state,
        "job": name(world.state.steps[of.id][job.step], job),
        "size": _size(artifact.size),
        "digest": artifact.sha256[:16],
    }


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
