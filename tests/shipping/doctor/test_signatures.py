"""What `ship doctor` says of keys."""

from __future__ import annotations

from pipeline_gen.config import Config, Deploy, Keys, Layer, PublicKeys, Region, Slug
from shipping.doctor import signatures
from tests.shipping.signing.keys import new_key


def config(keys: Keys | None, *, deploys: bool = True, slug: bool = True) -> Config:
    deploy = Deploy(command=("bin/deploy",)) if deploys else None
    return Config(
        app="inbox",
        slug=Slug(layers=(Layer(name="app", keep=("a",)),), keys=keys) if slug else None,
        regions=(Region(name="us", bucket="ship-us", deploy=deploy),),
    )


def keys(main: str) -> Keys:
    public = PublicKeys(main=(main,), pull_request=(str(new_key().public),), clearance=(str(new_key().public),))
    return Keys(main="kms:alias/a", pull_request="kms:alias/b", clearance="kms:alias/c", public=public)


def lines(found: Config) -> list[str]:
    return [str(one) for one in signatures.keys(found)]


def test_what_it_means_to_have_none() -> None:
    """Where something is deployed, it is said who decides what; elsewhere it is no matter."""
    [warned] = lines(config(None))

    assert warned.startswith(
        "warn    keys: there are none: whoever may write to the buckets decides what us will run; fix: "
    )
    assert lines(config(None, deploys=False)) == ["ok      keys: none, and nothing is deployed"]
    assert lines(config(None, slug=False, deploys=False)) == []


def test_keys_that_are_there() -> None:
    """How many of each purpose; one whose form is right and which is none is wrong."""
    assert lines(config(keys(str(new_key().public)))) == [
        "ok      keys: public keys: 1 for main, 1 for pr, 1 for clearance"
    ]
    [wrong] = lines(config(keys("ecdsa-p256:" + "A" * 44)))
    assert wrong.startswith("wrong   keys: slug/keys/public: main: found main ecdsa-p256:")
