"""A job that is killed just before or just after a write, as `kill -9` kills it. Run as a program by the test beside it."""

from __future__ import annotations

import json
import os
import signal
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.config import from_resolved
from shipping.records.following import Following
from shipping.release.following import announce
from shipping.s3 import connect
from shipping.s3.bucket import Bucket
from shipping.s3.patience import Patience
from shipping.signing import Signer
from shipping.signing.private import FileKey
from tests.shipping.release.scene import APP, Scene, commit
from tests.shipping.slug.shop import APPLICATION, Shop

if TYPE_CHECKING:
    from collections.abc import Mapping


class Deadly(Bucket):
    """A bucket whose process dies at its first write of a key like this one."""

    def __init__(self, name: str, *, key: str, moment: str) -> None:
        super().__init__(name, connect(name)._client, patience=Patience())
        self._key, self._moment = key, moment

    def write(self, key: str, body: bytes, **condition: str) -> str | None:
        self._die(key, "before")
        done = super().write(key, body, **condition)
        self._die(key, "after")
        return done

    def _die(self, key: str, moment: str) -> None:
        if moment == self._moment and fnmatchcase(key, self._key):
            os.kill(os.getpid(), signal.SIGKILL)


def main(given: Mapping[str, Any]) -> None:
    """Do the job on the test's buckets, in its folder."""
    buckets: list[Bucket] = [Deadly(name, key=given["key"], moment=given["moment"]) for name in given["buckets"]]
    scene = Scene(
        shop=Shop(root=Path(given["root"]), buckets=buckets, layers=(APPLICATION,)),
        folder=Path(given["folder"]),
        config=from_resolved(given["config"]),
        env=given["env"],
        attempts=given["attempts"],
        in_service=tuple(given["in_service"]),
        signer=Signer(app=APP, purpose="clearance", key=FileKey.open(Path(given["private"]))),
    )
    if given["job"] == "conclude":
        scene.conclude(given["position"])
    elif given["job"] == "announce":
        position = given["position"]
        announce(buckets[1], APP, "us", Following(commit=commit(position), slug="f" * 64, position=position))
    else:
        scene.deploy(given["position"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
