"""Locks of several environments, and what is seen of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError
from shipping.local.objects import Fault
from shipping.release.holding import lock, unlock
from tests.shipping.release.scene import named
from tests.shipping.release.test_standing import look

if TYPE_CHECKING:
    from shipping.local.objects import ObjectServer
    from tests.shipping.release.scene import Scene


def test_an_environment_that_does_not_answer_is_told_with_what_to_do(scene: Scene, objects: ObjectServer) -> None:
    """Whether it is locked is then not known: one looks, and tries again."""
    objects.faults.add(Fault(kind="503", bucket=scene.regions["us"].name, times=None))

    us, eu = lock([scene.ledger("us"), scene.ledger("eu")], named("hold"))
    seen = look(scene)
    objects.faults.clear()

    assert isinstance(us.error, InfraError)
    assert (us.exit_code, us.error.hint) == (3, "ship status --region us, then try again")
    assert eu.lane is not None
    assert eu.lane.lock is not None
    assert isinstance(seen.error, InfraError)
    assert [one.exit_code for one in unlock([scene.ledger("us"), scene.ledger("eu")], named("free"))] == [1, 0]
