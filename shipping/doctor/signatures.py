"""Who may decide what hosts run: whoever has a key, or, without keys, whoever may write to the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import Faults
from shipping.doctor.finding import Finding, ok, warn, wrong
from shipping.signing.opening import trusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline_gen.config import Config, Keys

CHECK = "keys"


def keys(found: Config) -> Iterator[Finding]:
    """Whether slugs are signed, and whether the public keys are keys. Private keys are where the jobs are: not looked at."""
    if found.slug is None:
        return
    if found.slug.keys is not None:
        yield from _named(found.slug.keys)
    elif found.deploying:
        names = ", ".join(region.name for region in found.deploying)
        what = f"there are none: whoever may write to the buckets decides what {names} will run"
        yield warn(CHECK, what, "ship slug keygen --help   # then docs/signing.md")
    else:
        yield ok(CHECK, "none, and nothing is deployed")


def _named(found: Keys) -> Iterator[Finding]:
    try:
        public = trusted(found)
    except Faults as error:
        for fault in error.faults:
            yield wrong(CHECK, f"slug/keys/public: {fault}", "edit slug/keys/public in .buildkite/shipping.yml")
        return
    counts = [f"{len(public.of(purpose))} for {purpose}" for purpose in ("main", "pr", "clearance")]
    yield ok(CHECK, f"public keys: {', '.join(counts)}")
