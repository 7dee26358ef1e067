"""The team's own commands of a release: run in the unpacked slug, told by placeholders and environment what they are for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.clock import rfc3339
from pipeline_gen.config.release import fill
from pipeline_gen.errors import InfraError, Refused
from shipping.lane import keys
from shipping.records.run import Run
from shipping.release import keys as numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from pipeline_gen.ports import Store
    from shipping.fleet.inventory import Inventory
    from shipping.processes import Ended
    from shipping.records.lane import Token

FLOOR = "SHIP_FLOOR"
IN_A_LAYER = "commands of a release run in the unpacked slug: keep the program in one of its layers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Where commands run: the unpacked ``slug``, a ``folder`` beside it, and the job's seams to the world.

    ``execute`` runs an argv in a folder with variables added to the job's own, and kills it with the job. ``tagged`` opens the
    inventory of the hosts that have a tag's key and value.
    """

    slug: Path
    folder: Path
    store: Store
    clock: Clock
    build: str
    execute: Callable[[Sequence[str], Path, Mapping[str, str]], Ended]
    say: Callable[[str], None]
    tagged: Callable[[str, str], Inventory]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What commands are told. ``previous`` is the commit that was wanted before, empty at the first deploy of a region."""

    app: str
    slug: str
    commit: str
    region: str
    previous: str = ""

    @property
    def placeholders(self) -> dict[str, str]:
        return {"slug": self.slug, "commit": self.commit, "region": self.region, "previous": self.previous}

    @property
    def environment(self) -> dict[str, str]:
        named = {f"SHIP_{name.upper()}": value for name, value in self.placeholders.items()}
        return {**named, "SHIP_APP": self.app, "SHIP_ENVIRONMENT": self.region}


def must_be_there(shop: Shop, argv: Sequence[str], given: Given) -> None:
    """Raise Refused where a command names a program of the slug that is not in it, or cannot be run.

    Asked before the flip: found out after it, the lane would want a release that nothing can bring there.
    """
    program = fill(argv, given.placeholders)[0]
    if "/" not in program:
        return  # of the machine's PATH
    path = shop.slug / program
    if not path.is_file():
        raise Refused(f"cannot run {program!r}: there is no such file", hint=IN_A_LAYER)
    if not os.access(path, os.X_OK):
        raise Refused(f"cannot run {program!r}: it is not executable", hint=f"git update-index --chmod=+x {program}")


def prepare(shop: Shop, argv: Sequence[str], given: Given, *, data_region: str) -> bool:
    """Run a release's `before`, unless its data region has it; return whether it made this release the floor.

    Written down when it has succeeded: killed before, it is run again. Raises Refused where it fails.
    """
    key = keys.before(given.app, data_region, given.commit)
    stored = shop.store.get(key)
    if stored is not None:
        shop.say(f"before: {data_region!r} has it already")
        return Run.decode(stored.body, where=key).floor
    if not argv:
        return False
    shop.say(f"--- before: {argv[0]}")
    floor = shop.folder / "floor"
    run = _run(shop, argv, given, {FLOOR: str(floor)}, floor=floor)
    if run.status != 0:
        raise Refused(f"cannot deploy {given.commit[:12]!r}: its 'before' command ended with status {run.status}")
    shop.store.create(key, run.encode())
    return run.floor


def deploy(shop: Shop, argv: Sequence[str], given: Given, *, token: Token) -> Run:
    """Run the deploy command for a token, unless it has succeeded for it already; return the run that counts."""
    prefix = keys.deploys(given.app, given.region, token)
    for key in numbers.numbered(shop.store, prefix).values():
        stored = shop.store.get(key)
        run = None if stored is None else Run.decode(stored.body, where=key)
        if run is not None and run.status == 0:
            shop.say(f"the deploy command succeeded for this token already, at {run.at}: it is not run again")
            return run
    shop.say(f"--- deploy: {argv[0]}")
    run = _run(shop, argv, given, {"SHIP_TOKEN": str(token)})
    numbers.append(shop.store, prefix, run.encode())
    return run


def _run(shop: Shop, argv: Sequence[str], given: Given, more: Mapping[str, str], *, floor: Path | None = None) -> Run:
    ended = shop.execute(fill(argv, given.placeholders), shop.slug, {**given.environment, **more})
    if ended.cause == "missing":
        raise Refused(
            f"cannot run {argv[0]!r}: {ended.message or ended.cause}",
            hint=IN_A_LAYER,
        )
    if ended.code is None:
        raise InfraError(f"could not finish {argv[0]!r}: {ended.message or ended.cause}")
    return Run(
        commit=given.commit,
        status=ended.code,
        at=rfc3339(shop.clock.now()),
        seconds=ended.seconds,
        build=shop.build,
        floor=floor is not None and floor.exists(),
    )
