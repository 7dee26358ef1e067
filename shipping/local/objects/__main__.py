"""Runs the S3 server as a process of its own: `python -m shipping.local.objects --state DIR [--port N] [--bucket NAME]...`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline_gen.errors import ShipError
from shipping.local.objects.server import serve


def main() -> int:
    """Serve until told to stop; exit 3 where the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m shipping.local.objects", description="An S3 server on loopback.")
    parser.add_argument("--state", type=Path, required=True, help="folder for objects.json: url, pid and keys")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--bucket", action="append", default=[], help="a bucket to begin with; may be repeated")
    chosen = parser.parse_args()
    try:
        serve(chosen.state, port=chosen.port, buckets=chosen.bucket)
    except ShipError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
