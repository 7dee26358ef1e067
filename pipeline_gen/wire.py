"""Records as bytes: the same bytes for the same data, so that digests and conditional writes can compare them."""

from __future__ import annotations

import json


def canonical(data: object) -> bytes:
    """Encode JSON to the same bytes for the same data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
