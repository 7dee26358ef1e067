"""A home bucket and two regions' with releases of a small app, whose deploy command writes down what it was told."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_gen.clock import ManualClock, rfc3339
from pipeline_gen.config import parse, resolved
from pipeline_gen.wire import canonical
from shipping.fleet.inventory import Listed
from shipping.lane.ledger import Ledger
from shipping.lane.machine import Act
from shipping.processes import ProcessTree
from shipping.release import keys
from shipping.release.commands import Shop
from shipping.release.conclude import TESTS, Candidate, Concluded, conclude
from shipping.release.deploy import Ending, Order, deploy
from tests.shipping.slug import shop as slugs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline_gen.config import Config
    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket
    from shipping.signing import Signer, Trusted

APP = slugs.APP
# Appends its arguments and what its environment says, then ends as the test asks. Where HANG names a file `deploy.pid` or
# `before.pid`, that command writes its process there and stays.
GO = """#!/bin/sh
echo "$1 $2 $3 prev=$4 env=$SHIP_COMMIT,$SHIP_REGION,$SHIP_PREVIOUS in=$(cat inbox/web.py)" >> "$LOG"
[ "${HANG##*/}" != deploy.pid ] || { echo $$ > "$HANG"; exec sleep 600; }
[ -z "$KILLED" ] || { rm "$KILLED"; kill -9 $$; }
exit "${STATUS:-0}"
"""
BEFORE = """#!/bin/sh
echo "before $1" >> "$LOG"
[ "${HANG##*/}" != before.pid ] || { echo $$ > "$HANG"; exec sleep 600; }
[ -z "$RAISE" ] || : > "$SHIP_FLOOR"
exit "${BEFORE_STATUS:-0}"
"""


@dataclass(kw_only=True)
class Scene:
    """``log`` is what the commands wrote down, ``env`` what they are given besides; ``in_service`` are the hosts
    with any tag; ``told`` is called with each line.
    """

    shop: slugs.Shop
    folder: Path
    config: Config
    env: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)
    attempts: int = 0
    in_service: tuple[str, ...] = ()
    told: Callable[[str], None] = lambda _line: None
    signer: Signer | None = None
    trusted: Trusted | None = None

    @property
    def home(self) -> Bucket:
        return self.shop.buckets[0]

    @property
    def regions(self) -> dict[str, Bucket]:
        return {"us": self.shop.buckets[1], "eu": self.shop.buckets[2]}

    @property
    def log(self) -> list[str]:
        file = self.folder / "log"
        return file.read_text().splitlines() if file.exists() else []

    def ledger(self, region: str = "us") -> Ledger:
        return Ledger(self.regions[region], app=APP, environment=region)

    def build(self, position: int) -> str:
        """Build the slug of the release at a position; return its commit."""
        (self.shop.root / "inbox/web.py").write_text(f"release {position}")
        self.shop.build(commit(position))
        return commit(position)

    def verdict(self, position: int, word: str = "PASS", *, of: int | None = None) -> None:
        body = {"schema": 1, "gate": TESTS, "verdict": word, "commit": commit(of or position)}
        keys.append(self.home, keys.verdicts(APP, commit(position), TESTS), canonical(body))

    def conclude(self, position: int, **regions: Bucket) -> Concluded:
        candidate = Candidate(
            app=APP, commit=commit(position), position=position, gates=(TESTS,), config=resolved(self.config)
        )
        at = rfc3339(self.clock.now())
        return conclude(candidate, self.home, regions or self.regions, build="b1", at=at, signer=self.signer)

    def clear(self, position: int) -> str:
        """Build, prove and clear the release at a position."""
        self.build(position)
        self.verdict(position)
        assert self.conclude(position).outcome.result == "cleared"
        return commit(position)

    def deploy(self, position: int, *, act: str | None = None, bucket: Bucket | None = None) -> Ending:
        order = Order(
            app=APP, region="us", commit=commit(position), act=named(act or f"deploy-{position}"), trusted=self.trusted
        )
        self.attempts += 1
        folder = self.folder / str(self.attempts)
        folder.mkdir()
        with ProcessTree(folder=folder) as tree:
            return deploy(
                order,
                bucket or self.regions["us"],
                folder,
                lambda unpacked: self._place(tree, unpacked, folder, bucket),
            )

    def _say(self, line: str) -> None:
        self.said.append(line)
        self.told(line)

    def _place(self, tree: ProcessTree, unpacked: Path, folder: Path, bucket: Bucket | None) -> Shop:
        env = {"PATH": os.environ["PATH"], "LOG": str(self.folder / "log"), **self.env}
        return Shop(
            slug=unpacked,
            folder=folder,
            store=bucket or self.regions["us"],
            clock=self.clock,
            build="b1",
            execute=lambda argv, cwd, more: tree.run(argv, cwd=cwd, env={**env, **more}, output=self.said.append),
            say=self._say,
            tagged=lambda _key, _value: Listed(names=self.in_service),
        )


def commit(position: int) -> str:
    return f"{position:040x}"


def named(act: str, reason: str = "because") -> Act:
    return Act(id=act, at="2026-01-01T00:00:00.000Z", actor="ann", reason=reason)


def configured(**release: Any) -> Config:  # noqa: ANN401 - the values of a document
    command = {"command": "bin/go {slug} {commit} {region} {previous}"}
    data = {
        "app": APP,
        "bucket": "home",
        "slug": {"layers": {"app": {"keep": ["inbox"]}}},
        "regions": {name: {"bucket": f"ship-{name}", "deploy": command} for name in ("us", "eu")},
        **({"release": release} if release else {}),
    }
    faults: list[Any] = []
    config = parse(data, faults)
    assert faults == []
    return config


@contextmanager
def opened(objects: ObjectServer, folder: Path, **release: Any) -> Iterator[Scene]:  # noqa: ANN401
    with slugs.open_shop(objects, folder / "checkout") as shop:
        shop.layers = (slugs.APPLICATION,)
        for name, text in (("go", GO), ("before", BEFORE)):
            (shop.root / "bin" / name).write_text(text)
            (shop.root / "bin" / name).chmod(0o755)
        yield Scene(shop=shop, folder=folder, config=configured(**release))
