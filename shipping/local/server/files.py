"""The bytes of artifacts on disk, under names of ours: no path from outside ever becomes a path here."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import FileResponse
from starlette.routing import Route

from pipeline_gen.errors import InfraError
from shipping.local.engine.rejection import Rejection
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import BinaryIO

    from starlette.requests import Request
    from starlette.responses import Response

PARTIAL = ".partial"
SHOWN = ("text/plain", "image/png", "image/jpeg", "image/gif", "application/json")
"""Opened in the browser; everything else is saved."""


@dataclass(slots=True, kw_only=True)
class Receiving:
    """A file being written; more than ``limit`` bytes are refused as they come."""

    file: BinaryIO
    limit: int
    written: int = 0

    def write(self, part: bytes) -> None:
        self.written += len(part)
        if self.written > self.limit:
            raise Rejection(f"The upload is longer than the {self.limit} bytes that were announced", status=413)
        self.file.write(part)


@asynccontextmanager
async def receive(path: Path, *, limit: int) -> AsyncIterator[Receiving]:
    """Write beside the place and rename when all went well: a half file is never seen.

    Raises InfraError where the bytes cannot be kept; the agent sends them again.
    """
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield Receiving(file=file, limit=limit)
        partial.replace(path)
    except OSError as error:
        raise InfraError(
            f"could not keep an artifact in {str(path.parent)!r}: {error.strerror}", hint=f"see `df {path.parent}`"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a killed process had begun to write; nobody was told that it is there."""
    for partial in folder.glob(f"*{PARTIAL}"):
        partial.unlink(missing_ok=True)


async def download(request: Request) -> Response:
    """Send an artifact to who knows its address. Sandboxed: what a job wrote must not act as our page."""
    world = plane(request)
    artifact = world.ledger.artifacts.by_secret(request.path_params["secret"])
    if artifact is None or not artifact.received:
        raise Rejection("No artifact found", status=404)
    kind = artifact.content_type.partition(";")[0].strip().lower()
    shown = kind in SHOWN
    name = quote(artifact.path.rpartition("/")[2])
    return FileResponse(
        world.artifacts / artifact.id,
        media_type=kind if shown else "application/octet-stream",
        headers={
            "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}",
            "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
            "X-Content-Type-Options": "nosniff",
        },
    )


ROUTES = [Route("/downloads/{secret}", download, methods=["GET"])]
