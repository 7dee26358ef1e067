"""With keys, nothing is believed that nobody trusted has signed for this very purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import resolved
from pipeline_gen.config.keys import Keys, PublicKeys
from pipeline_gen.errors import Refused
from shipping.lane import keys
from shipping.records import signature
from shipping.release import evidence
from shipping.release.deploy import Deployed
from shipping.signing import Untrusted
from shipping.slug import keys as slugs
from shipping.slug.assembly import released
from tests.shipping.release.scene import APP, Scene, commit
from tests.shipping.signing.keys import Ring

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.records.signature import Purpose


@pytest.fixture
def ring(scene: Scene) -> Ring:
    """The scene signs its clearances, and verifies."""
    ring = Ring()
    scene.signer, scene.trusted = ring.signer("clearance"), ring.trusted
    return ring


def sign_manifest(scene: Scene, position: int, ring: Ring, purpose: Purpose = "main") -> None:
    key = slugs.manifest(APP, str(released(scene.home, APP, commit(position))))
    us = scene.regions["us"]
    stored = us.get(key)
    assert stored is not None
    ring.signer(purpose).place(us, key, stored.body, commit=commit(position))


def overwrite(scene: Scene, key: str, change: Callable[[bytes], bytes]) -> None:
    us = scene.regions["us"]
    stored = us.get(key)
    assert stored is not None
    assert us.replace(key, change(stored.body), version=stored.version) is not None


def test_what_is_signed_is_deployed(scene: Scene, ring: Ring) -> None:
    """A clearance that was written and not signed, by a conclusion that died, is signed by the next one."""
    scene.signer = None
    scene.clear(1)
    sign_manifest(scene, 1, ring)
    with pytest.raises(Untrusted, match="it has no signature"):
        scene.deploy(1)
    scene.signer = ring.signer("clearance")
    scene.conclude(1)

    assert isinstance(scene.deploy(1), Deployed)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("byte", "its digest is"),
        ("commit", "it was signed for commit"),
        ("key", "not trusted"),
        ("manifest", "it has no signature"),
        ("purpose", "it was signed for 'pr'"),
    ],
)
def test_what_is_not_signed_as_it_must_be_is_refused_before_anything_is_done(
    scene: Scene, ring: Ring, harm: str, told: str
) -> None:
    """A flipped byte, another release's signature, a stranger's key, a slug of a pull request's builder."""
    if harm == "key":
        scene.signer = Ring().signer("clearance")
    scene.clear(1)
    scene.signer = ring.signer("clearance")
    scene.clear(2)
    us, one, two = scene.regions["us"], keys.clearance(APP, commit(1)), keys.clearance(APP, commit(2))
    if harm == "byte":
        overwrite(scene, one, lambda body: body.replace(b'"position":1', b'"position":3'))
    if harm == "commit":
        other = us.get(signature.key(two))
        assert other is not None
        overwrite(scene, signature.key(one), lambda _: other.body)
    if harm != "manifest":
        sign_manifest(scene, 1, ring, "pr" if harm == "purpose" else "main")

    with pytest.raises(Untrusted, match=told):
        scene.deploy(1)
    assert (scene.log, scene.ledger().read().pointer) == ([], None)


def test_a_job_that_knows_no_keys_deploys_nothing_that_is_signed(scene: Scene, ring: Ring) -> None:
    """Whose keys count is never for the record to say."""
    public = PublicKeys(
        main=(str(ring.keys["main"].public),),
        pull_request=(str(ring.keys["pr"].public),),
        clearance=(str(ring.keys["clearance"].public),),
    )
    named = Keys(main="kms:a", pull_request="kms:b", clearance="kms:c", public=public)
    assert scene.config.slug is not None
    scene.config = replace(scene.config, slug=replace(scene.config.slug, keys=named))
    assert resolved(scene.config)["slug"]["keys"]["main"] == "kms:a"
    scene.clear(1)
    scene.trusted = None

    with pytest.raises(Refused, match="this job knows none to verify with"):
        scene.deploy(1)


def test_what_nobody_trusted_signed_supersedes_nothing(scene: Scene, ring: Ring) -> None:
    scene.clear(1)
    sign_manifest(scene, 1, ring)
    scene.signer = Ring().signer("clearance")
    scene.clear(2)

    us = scene.regions["us"]
    mine = evidence.demand(us, APP, commit(1), trusted=ring.trusted)
    assert evidence.newer(us, mine, trusted=ring.trusted) is None
    assert isinstance(scene.deploy(1), Deployed)
