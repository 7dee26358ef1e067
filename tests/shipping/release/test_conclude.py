"""How a release ends, by what is written in real buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, Refused
from shipping.lane import keys as lanes
from shipping.local.objects import Fault
from shipping.records.clearance import Clearance
from shipping.records.outcome import Outcome
from shipping.release import evidence, keys
from shipping.slug import clearances
from shipping.slug.assembly import released
from tests.shipping.release.scene import APP, commit

if TYPE_CHECKING:
    from shipping.local.objects import ObjectServer
    from tests.shipping.release.scene import Scene


def test_proven_and_built_is_cleared_in_every_region(scene: Scene) -> None:
    """The clearance says which slug, in which order, with which configuration, and on which evidence."""
    scene.build(7)
    scene.verdict(7)

    done = scene.conclude(7)

    assert (done.outcome.result, done.outcome.why, done.missing) == ("cleared", (), {})
    for bucket in scene.regions.values():
        stored = bucket.get(lanes.clearance(APP, commit(7)))
        assert stored is not None
        found = Clearance.decode(stored.body, app=APP, commit=commit(7), where="there")
        assert (found.position, found.slug) == (7, released(scene.home, APP, commit(7)))
        assert found.evidence == (f"{APP}/releases/{commit(7)}/verdicts/tests/0.json",)
        assert found.config["app"] == APP
    kept = scene.home.get(done.key)
    assert kept is not None
    assert Outcome.decode(kept.body, where=done.key) == done.outcome


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "tests: no verdict"),
        (["FAIL"], "tests: FAIL"),
        (["PASS", "FAIL"], "tests: FAIL"),
        (["NO_DATA"], "tests: NO_DATA"),
    ],
)
def test_only_a_last_verdict_of_pass_passes(scene: Scene, words: list[str], why: str) -> None:
    """The release is rejected, which is kept too, and no region hears of it."""
    scene.build(7)
    for word in words:
        scene.verdict(7, word)

    done = scene.conclude(7)

    assert (done.outcome.result, done.outcome.why) == ("rejected", (why,))
    assert list(scene.home.list(keys.outcomes(APP, commit(7)))) == [done.key]
    assert clearances.read(scene.regions["us"], APP, commit(7)) is None


def test_the_tenth_verdict_comes_after_the_ninth(scene: Scene) -> None:
    """Numbers, not texts."""
    scene.build(7)
    for word in [*["FAIL"] * 10, "PASS"]:
        scene.verdict(7, word)

    assert scene.conclude(7).outcome.result == "cleared"


def test_everything_that_is_wrong_is_told_at_once(scene: Scene) -> None:
    scene.verdict(7, of=6)

    done = scene.conclude(7)

    assert done.outcome.why == (
        f"tests: the verdict '{APP}/releases/{commit(7)}/verdicts/tests/0.json' is on commit '{commit(6)[:12]}'",
        "slug: none was built of this commit",
    )


def test_a_rejected_release_is_cleared_when_its_tests_pass_later(scene: Scene) -> None:
    """A retried conclusion is another outcome."""
    scene.build(7)
    scene.verdict(7, "FAIL")
    scene.conclude(7)
    scene.verdict(7, "PASS")

    assert scene.conclude(7).key.endswith("/outcome/1.json")
    assert clearances.read(scene.regions["us"], APP, commit(7)) is not None


def test_a_region_that_does_not_answer_keeps_no_other_from_the_release(scene: Scene, objects: ObjectServer) -> None:
    """It is named; where none answers, nothing is concluded and the job is tried again."""
    scene.build(7)
    scene.verdict(7)
    us, eu = scene.regions.values()
    objects.faults.add(Fault(kind="503", operation="put", bucket=us.name, times=None))

    done = scene.conclude(7)
    assert (done.outcome.result, list(done.missing)) == ("cleared", ["us"])
    assert clearances.read(eu, APP, commit(7)) is not None

    objects.faults.add(Fault(kind="503", operation="put", bucket=eu.name, times=None))
    with pytest.raises(InfraError, match="for any region"):
        scene.conclude(7)
    objects.faults.clear()
    assert scene.conclude(7).missing == {}


def test_a_commit_is_never_cleared_as_two_slugs(scene: Scene) -> None:
    scene.clear(7)
    other = Clearance(app=APP, commit=commit(8), position=8, slug="0" * 64, config={})
    scene.regions["us"].create(lanes.clearance(APP, commit(8)), other.encode())
    scene.build(8)
    scene.verdict(8)

    with pytest.raises(Refused, match="it is cleared there as slug '000000000000', or with another configuration"):
        scene.conclude(8)


def test_a_later_conclusion_rests_on_other_evidence_and_keeps_the_first_clearance(scene: Scene) -> None:
    """As after a kill between two regions, and a build of the commit in between."""
    scene.clear(7)
    us = scene.regions["us"]
    first = evidence.demand(us, APP, commit(7))
    scene.verdict(7)

    assert scene.conclude(7).outcome.result == "cleared"
    assert evidence.demand(us, APP, commit(7)) == first


def test_the_newest_clearance_is_found_and_a_hint_without_one_is_nothing(scene: Scene) -> None:
    for position in (3, 9, 10):
        scene.clear(position)
    us = scene.regions["us"]
    us.create(lanes.cleared(APP, 99, commit(99)), b"")
    of = {position: evidence.demand(us, APP, commit(position)) for position in (3, 9, 10)}

    assert evidence.newer(us, of[3]) == evidence.newer(us, of[9]) == of[10]
    assert evidence.newer(us, of[10]) is None
