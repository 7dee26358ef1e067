"""A publisher that ends at a named point, as `kill -9` ends it. Run as a program by the test beside it."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from pipeline_gen.clock import SystemClock
from pipeline_gen.shell import LocalShell
from shipping.s3 import connect
from shipping.signing import Signer, Trusted
from shipping.signing.private import FileKey
from shipping.slug.assembly import assemble
from shipping.slug.layers import Workshop
from tests.shipping.slug.shop import APP, APPLICATION, DEPENDENCIES, run


def main(root: Path, private: Path, commit: str, wanted: str, buckets: list[str]) -> None:
    """Publish, signed; at the point, on its N-th time, be killed."""
    point, _, number = wanted.partition("#")
    left = [int(number or 1)]

    def at(reached: str) -> None:
        if reached == point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    key = FileKey.open(private)
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(name)) for name in buckets]
        shop = Workshop(
            app=APP,
            domain="main",
            root=root,
            home=opened[0],
            shell=LocalShell(),
            clock=SystemClock(),
            say=lambda line: print(line, file=sys.stderr),
            run=partial(run, root),
            signer=Signer(app=APP, purpose="main", key=key),
            trusted=Trusted(keys=(("main", key.public),)),
        )
        done = assemble(shop, (DEPENDENCIES, APPLICATION), opened, commit=commit, at=at)
    print(json.dumps(done.to_json()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
