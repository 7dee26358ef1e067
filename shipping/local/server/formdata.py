"""The one form that agents send: multipart/form-data with the file as its last part, streamed to where it belongs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shipping.local.engine.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HEAD_LIMIT = 64 * 1024


def boundary(content_type: str) -> bytes:
    """Return the boundary that the header names; raises Rejection where it is not such a form."""
    found = re.fullmatch(r'multipart/form-data;\s*boundary="?([^";]{1,70})"?', content_type.strip(), re.IGNORECASE)
    if found is None:
        raise Rejection("The upload must be multipart/form-data", status=400)
    return b"\r\n--" + found[1].encode()


async def file_part(stream: AsyncIterator[bytes], content_type: str, name: str) -> AsyncIterator[bytes]:
    """Yield the bytes of the part called ``name``, and stop at its end. Raises Rejection if the form is cut short."""
    mark = boundary(content_type)
    kept = b"\r\n"
    inside = False
    async for received in stream:
        kept += received
        while not inside and b"\r\n\r\n" in (rest := _after(kept, mark)):
            head, _, kept = rest.partition(b"\r\n\r\n")
            inside = _names(head, name)
        if not inside:
            if len(kept) > HEAD_LIMIT:
                raise Rejection("The form has a part that is neither the file nor short", status=400)
            continue
        found = kept.find(mark)
        if found >= 0:
            yield kept[:found]
            return
        # The boundary may be cut by the edge of what was received: its length stays behind.
        ready = max(len(kept) - len(mark), 0)
        if ready:
            yield kept[:ready]
            kept = kept[ready:]
    raise Rejection("The upload was cut short", status=400)


def _after(kept: bytes, mark: bytes) -> bytes:
    _, found, rest = kept.partition(mark)
    return rest if found else b""


def _names(head: bytes, name: str) -> bool:
    return (
        re.search(rb'content-disposition:[^\r\n]*;\s*name="' + re.escape(name.encode()) + rb'"', head, re.IGNORECASE)
        is not None
    )
