"""One deploy, with a real bucket, a real slug and a real command; and everything that can come between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline_gen.config import resolved
from pipeline_gen.errors import Refused, UsageError
from shipping.lane import keys as lanes
from shipping.lane import machine
from shipping.lane.machine import Wanted
from shipping.records.clearance import Clearance
from shipping.records.lane import Lane, Lock
from shipping.release.deploy import Deployed, Ending, Skipped, Stopped
from shipping.slug.assembly import released
from tests.shipping.release.scene import APP, Scene, commit, configured, named

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.lane.machine import Act, Refusal
    from shipping.s3 import Bucket


class KilledError(BaseException):
    """The process is gone: nothing after it runs."""


class Dying:
    """A bucket whose process is killed just before or after its nth write."""

    def __init__(self, bucket: Bucket, write: int, moment: str) -> None:
        self._bucket, self._left, self._moment = bucket, write, moment

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._bucket, name)

    def create(self, key: str, body: bytes) -> bool:
        return cast("bool", self._write(self._bucket.create, key, body))

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        return cast("str | None", self._write(self._bucket.replace, key, body, version=version))

    def _write(self, write: Any, *given: Any, **more: Any) -> object:  # noqa: ANN401
        self._left -= 1
        if self._left == 0 and self._moment == "before":
            raise KilledError
        done = write(*given, **more)
        if self._left == 0:
            raise KilledError
        return done


def deployed(ending: Ending) -> Deployed:
    assert isinstance(ending, Deployed), ending
    return ending


def test_a_cleared_release_is_flipped_to_and_the_command_runs_in_its_slug(scene: Scene) -> None:
    """It is told slug, commit, region and what was wanted before, as arguments and as variables."""
    one, two = scene.clear(1), scene.clear(2)
    slugs = {position: released(scene.home, APP, commit(position)) for position in (1, 2)}
    # The first was cleared before the second: as if its deploy had come then.
    done = deployed(scene.deploy(2))

    assert (done.run.status, done.previous) == (0, "")
    assert scene.log == [f"{slugs[2]} {two} us prev= env={two},us, in=release 2"]
    pointer = scene.ledger().read().pointer
    assert pointer is not None
    assert (pointer.commit, pointer.slug, pointer.position) == (two, slugs[2], 2)

    three = scene.clear(3)
    assert deployed(scene.deploy(3)).previous == two
    assert scene.log[-1].split()[1:] == [three, "us", f"prev={two}", f"env={three},us,{two}", "in=release", "3"]
    assert one not in "".join(scene.log)


def test_a_locked_region_is_left_alone(scene: Scene) -> None:
    scene.clear(1)
    scene.ledger().change(named("hold", "mail is late"), lambda lane: machine.lock(lane, named("hold", "mail is late")))

    lock = Lock(who="ann", why="mail is late", since="2026-01-01T00:00:00.000Z")
    assert scene.deploy(1) == Stopped(lock=lock, alone=True)
    assert (scene.log, scene.ledger().read().pointer) == ([], None)


def test_of_the_releases_that_a_lock_holds_up_only_the_newest_waits(scene: Scene) -> None:
    """The older ones are superseded, locked or not."""
    scene.clear(1)
    scene.clear(2)
    scene.ledger().change(named("hold"), lambda lane: machine.lock(lane, named("hold")))

    assert isinstance(scene.deploy(1), Skipped)
    assert isinstance(scene.deploy(2), Stopped)


def test_a_newer_cleared_release_takes_an_older_one_along(scene: Scene) -> None:
    """Whether its deploy has come already or not."""
    scene.clear(1)
    scene.clear(2)

    first = scene.deploy(1)
    deployed(scene.deploy(2))
    again = scene.deploy(1, act="another")

    assert isinstance(first, Skipped)
    assert "is newer and cleared" in first.why
    assert isinstance(again, Skipped)
    assert "at or past it" in again.why
    assert len(scene.log) == 1


def test_evidence_is_demanded_whatever_the_build_says(scene: Scene) -> None:
    """No clearance; a clearance of a slug that a pull request built; one of a region that it does not know."""
    scene.build(1)
    with pytest.raises(Refused, match="it has no clearance in bucket"):
        scene.deploy(1)

    theirs = scene.shop.build(commit(2), domain="pr").manifest.slug
    put(scene, 2, theirs)
    with pytest.raises(Refused, match="it was built for 'pr'"):
        scene.deploy(2)

    put(scene, 3, "0" * 64)
    with pytest.raises(Refused, match="it has no manifest there"):
        scene.deploy(3)

    scene.build(4)
    config = resolved(configured())
    config["regions"] = config["regions"][1:]
    put(scene, 4, str(released(scene.home, APP, commit(4))), config)
    with pytest.raises(UsageError, match="its configuration has neither regions/us/deploy nor regions/us/fleet"):
        scene.deploy(4)
    assert (scene.log, scene.ledger().read().pointer) == ([], None)


def put(scene: Scene, position: int, slug: str, config: dict[str, Any] | None = None) -> None:
    clearance = Clearance(
        app=APP, commit=commit(position), position=position, slug=slug, config=config or resolved(scene.config)
    )
    scene.regions["us"].create(lanes.clearance(APP, commit(position)), clearance.encode())


def test_a_slug_with_a_flipped_byte_is_refused_before_anything_is_done(migrating: Scene) -> None:
    """It is unpacked and checked before the first command and before the flip."""
    migrating.clear(1)
    us = migrating.regions["us"]
    (blob,) = us.list(f"{APP}/blobs/")
    body = b"".join(us.open(blob) or ())
    us.ask("put_object", Key=blob, Body=body[:40] + bytes([body[40] ^ 1]) + body[41:])

    with pytest.raises(Refused, match="cannot use layer"):
        migrating.deploy(1)
    assert (migrating.log, migrating.ledger().read().pointer) == ([], None)


def test_a_command_that_fails_is_the_outcome_and_the_same_job_may_try_again(scene: Scene) -> None:
    """The lane goes on wanting the release; another attempt runs the command again under the same token."""
    scene.clear(1)
    scene.env["STATUS"] = "3"
    first = deployed(scene.deploy(1))
    scene.env["STATUS"] = "0"
    second = deployed(scene.deploy(1))
    third = deployed(scene.deploy(1))

    assert (first.run.status, second.run.status) == (3, 0)
    assert first.token == second.token == scene.ledger().read().token
    assert (third.run.at, third.run.status) == (second.run.at, 0)
    assert len(scene.log) == 2, "what has succeeded is not run again"


def test_a_killed_command_runs_again_only_as_long_as_the_lane_wants_it(scene: Scene) -> None:
    """With the same previous release; a lock that came meanwhile stops new releases, not the way to this one."""
    one = scene.clear(1)
    deployed(scene.deploy(1))
    scene.clear(2)
    (scene.folder / "once").touch()
    scene.env["KILLED"] = str(scene.folder / "once")
    assert deployed(scene.deploy(2)).run.status == -9
    scene.env.clear()
    scene.ledger().change(named("hold"), lambda lane: machine.lock(lane, named("hold")))

    assert deployed(scene.deploy(2)).previous == one
    assert scene.log[1] == scene.log[2]

    other = Wanted(commit=commit(9), slug="9" * 64, position=9)
    scene.ledger().change(named("back"), lambda lane: machine.roll_back(lane, other, named("back")))
    overtaken = scene.deploy(2)
    assert isinstance(overtaken, Skipped)
    assert f"wants {commit(9)[:12]} since" in overtaken.why
    assert len(scene.log) == 3


def test_a_command_that_is_not_in_the_slug_is_named(scene: Scene) -> None:
    """Before the flip: the lane is not told to want what nothing can bring there."""
    (scene.shop.root / "bin/go").chmod(0o644)
    scene.clear(1)
    with pytest.raises(Refused, match="cannot run 'bin/go': it is not executable") as caught:
        scene.deploy(1)
    assert caught.value.hint == "git update-index --chmod=+x bin/go"

    (scene.shop.root / "bin/go").unlink()
    scene.clear(2)
    with pytest.raises(Refused, match="cannot run 'bin/go': there is no such file"):
        scene.deploy(2)
    assert scene.ledger().read().pointer is None


def test_before_runs_once_for_each_release_and_ahead_of_the_flip(migrating: Scene) -> None:
    """A failure of it leaves the lane as it was; what has succeeded is not run again."""
    one = migrating.clear(1)
    migrating.env["BEFORE_STATUS"] = "1"
    with pytest.raises(Refused, match="its 'before' command ended with status 1"):
        migrating.deploy(1)
    assert migrating.ledger().read().pointer is None

    migrating.env.clear()
    migrating.env["STATUS"] = "1"
    migrating.deploy(1)
    migrating.env.clear()
    migrating.deploy(1)

    assert [line.split()[0] for line in migrating.log].count("before") == 2
    assert migrating.log[1] == f"before {one}"
    assert migrating.ledger().read().floor == 0


def test_before_says_when_nothing_older_can_run_any_more(migrating: Scene) -> None:
    """The floor is raised with the flip, in the same write."""
    migrating.clear(5)
    migrating.env["RAISE"] = "1"

    deployed(migrating.deploy(5))

    lane = migrating.ledger().read()
    assert (lane.floor, lane.token.counter) == (5, 1)
    older = Wanted(commit=commit(4), slug="4" * 64, position=4)
    assert isinstance(machine.roll_back(lane, older, named("back")), machine.BelowFloor)


WRITES = ("before record", "lane", "history", "run")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_killed_at_any_write_and_tried_again_it_comes_to_one_end(migrating: Scene, write: str, moment: str) -> None:
    """One flip, one history entry, the command run to success; never a command without its flip."""
    migrating.clear(1)
    dying = Dying(migrating.regions["us"], WRITES.index(write) + 1, moment)
    with pytest.raises(KilledError):
        migrating.deploy(1, bucket=cast("Bucket", dying))

    done = deployed(migrating.deploy(1))

    assert done.run.status == 0
    lane = migrating.ledger().read()
    assert [one.id for one in lane.transitions] == ["deploy-1"]
    assert [entry.transition.token for entry in migrating.ledger().history()] == [lane.token]
    ran = [line.split()[0] for line in migrating.log]
    repeated = {("before record", "before"): "before", ("run", "before"): "deploy"}.get((write, moment))
    assert ran.count("before") == (2 if repeated == "before" else 1)
    assert len(ran) - ran.count("before") == (2 if repeated == "deploy" else 1)


class Meanwhile(Dying):
    """A bucket in which something else happens once, after the first write: while the flip is still to come."""

    def __init__(self, bucket: Bucket, happens: Callable[[], object]) -> None:
        super().__init__(bucket, 0, "never")
        self._happens: Callable[[], object] | None = happens

    def _write(self, write: Any, *given: Any, **more: Any) -> object:  # noqa: ANN401
        done = write(*given, **more)
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()
        return done


def test_what_others_do_while_before_runs_is_seen_by_the_flip(migrating: Scene) -> None:
    """A lock, a newer release, a floor: the decision is made where the write is."""

    def act(name: str, change: Callable[[Lane, Act], Lane | Refusal]) -> Callable[[], object]:
        return lambda: migrating.ledger().change(named(name), lambda lane: change(lane, named(name)))

    def between(position: int, happens: Callable[[], object]) -> Ending:
        migrating.clear(position)
        bucket = cast("Bucket", Meanwhile(migrating.regions["us"], happens))
        return migrating.deploy(position, bucket=bucket)

    locked = between(1, act("hold", machine.lock))
    assert isinstance(locked, Stopped)
    assert locked.lock.who == "ann"
    act("free", machine.unlock)()

    newer = Wanted(commit=commit(9), slug="9" * 64, position=9)
    skipped = between(2, act("other", lambda lane, name: machine.flip(lane, newer, name)))
    assert isinstance(skipped, Skipped)
    assert f"us wants {commit(9)[:12]} by now" in skipped.why

    def raised(lane: Lane, name: Act) -> Lane | Refusal:
        older = Wanted(commit=commit(8), slug="8" * 64, position=8)
        back = machine.roll_back(lane, older, name)
        freed = machine.unlock(back, named(f"{name.id}-free")) if isinstance(back, Lane) else back
        return machine.raise_floor(freed, 90) if isinstance(freed, Lane) else freed

    with pytest.raises(Refused, match="the data there were changed by a later release"):
        between(10, act("back", raised))
    assert [line.split()[0] for line in migrating.log] == ["before"] * 3
