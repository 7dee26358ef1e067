"""Our own halves, each a process that starts, does it and ends: `python -m tests.bench.slug.ours JSON`.

Publishing is what the slug's job does. Activating is what a host's daemon does until it can roll: see the clearance, fetch what
it does not have, verify while unpacking to a folder of its own, read the processes, link the commit. A daemon is not started
for each release; its start is counted all the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import Layer, Process
from pipeline_gen.shell import LocalShell
from shipping.host.releases import Releases
from shipping.lane import keys
from shipping.records.clearance import Clearance
from shipping.s3 import connect
from shipping.slug.assembly import assemble
from shipping.slug.layers import Workshop
from tests.bench.slug.spent import timed
from tests.shipping.slug.shop import run

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYERS = (
    Layer(name="dependencies", inputs=("requirements.lock",), run=("true",), keep=("vendor",)),
    Layer(name="app", keep=("app",)),
)
PROCESSES = (Process(name="web", command=("true",)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One half of a release: ``root`` is the checkout; ``host`` the folder of a host; ``slug`` is empty for publishing."""

    app: str
    bucket: str
    root: str
    host: str
    commit: str
    slug: str = ""


def do(task: Task, environment: Mapping[str, str]) -> dict[str, Any]:
    """Do it in a process of its own; return what it says."""
    argv = [sys.executable, "-m", "tests.bench.slug.ours", json.dumps(asdict(task))]
    done = subprocess.run(argv, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def publish(task: Task) -> dict[str, Any]:
    root = Path(task.root)
    with connect(task.bucket) as bucket:
        shop = Workshop(
            app=task.app,
            domain="main",
            root=root,
            home=bucket,
            shell=LocalShell(),
            clock=SystemClock(),
            say=lambda _line: None,
            run=lambda argv: run(root, argv),
        )
        done = assemble(shop, LAYERS, [bucket], commit=task.commit, processes=PROCESSES)
        slug = done.manifest.slug
        cleared = Clearance(app=task.app, commit=task.commit, position=1, slug=slug, config={})
        bucket.create(keys.clearance(task.app, task.commit), cleared.encode())
    return {"slug": slug, "sent": done.placed[0].sent, "reused": done.products[0].reused}


def activate(task: Task) -> dict[str, Any]:
    with connect(task.bucket) as bucket:
        releases = Releases(Path(task.host), bucket, app=task.app)
        releases.admit(task.commit, task.slug)
        releases.fetch(task.slug)
        assert releases.release(task.commit, task.slug).folder.exists()
    return {}


if __name__ == "__main__":
    asked = Task(**json.loads(sys.argv[1]))
    said, spent = timed(lambda: activate(asked) if asked.slug else publish(asked))
    print(json.dumps({**said, "within": spent.wall}))
