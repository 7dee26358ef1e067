"""How a release of main ends: cleared, and every region told so, or rejected, and why. From what was written, nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError, Refused, ShipError
from shipping.lane import keys as lanes
from shipping.records.clearance import Clearance
from shipping.records.outcome import Outcome
from shipping.release import keys
from shipping.slug import fetch
from shipping.slug.assembly import released

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.ports import Store
    from shipping.s3 import Bucket
    from shipping.signing import Signer

TESTS = "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release that is to end. ``gates`` are the verdicts it needs; ``config`` is what it was planned with."""

    app: str
    commit: str
    position: int
    gates: tuple[str, ...]
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """The outcome, the key it is kept under, and the regions whose bucket did not take the clearance, with the reason."""

    outcome: Outcome
    key: str
    missing: Mapping[str, ShipError]


def conclude(
    candidate: Candidate,
    home: Bucket,
    regions: Mapping[str, Bucket],
    *,
    build: str,
    at: str,
    signer: Signer | None = None,
) -> Concluded:
    """Judge, clear where nothing is wrong, and keep the outcome. Done again it comes to the same, under the next number.

    ``signer`` signs clearances, where the configuration has keys.
    The outcome is written last: one that says *cleared* never lacks its clearances. Raises InfraError where the home bucket
    does not answer, or no region's does.
    """
    slug, why, evidence = _judge(candidate, home)
    missing: dict[str, ShipError] = {}
    if slug is not None and not why:
        clearance = Clearance(
            app=candidate.app,
            commit=candidate.commit,
            position=candidate.position,
            slug=slug,
            config=candidate.config,
            evidence=evidence,
        )
        missing = _clear(clearance, regions, signer)
    outcome = Outcome(
        commit=candidate.commit,
        position=candidate.position,
        result="rejected" if why else "cleared",
        why=why,
        slug=slug,
        build=build,
        at=at,
    )
    key = keys.append(home, keys.outcomes(candidate.app, candidate.commit), outcome.encode())
    return Concluded(outcome=outcome, key=key, missing=missing)


def _judge(candidate: Candidate, home: Bucket) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Return the slug, everything that is wrong, and the keys of the verdicts."""
    why, evidence = [], []
    for gate in candidate.gates:
        key, wrong = _verdict(home, candidate, gate)
        evidence += [key] if key else []
        why += [wrong] if wrong else []
    slug = released(home, candidate.app, candidate.commit)
    if slug is None:
        why.append("slug: none was built of this commit")
    else:
        try:
            _must_be_of_main(home, candidate.app, slug)
        except Refused as refused:
            why.append(f"slug: {refused.message}")
    return slug, tuple(why), tuple(evidence)


def _must_be_of_main(home: Bucket, app: str, slug: str) -> None:
    domain = fetch.manifest(home, app, slug).domain
    if domain != "main":
        raise Refused(f"cannot release {slug[:12]!r}: it was built for {domain!r}")


def _verdict(home: Store, candidate: Candidate, gate: str) -> tuple[str | None, str | None]:
    """Return the key of a gate's last verdict, and what is wrong with it. Only PASS passes."""
    found = list(keys.numbered(home, keys.verdicts(candidate.app, candidate.commit, gate)).values())
    stored = home.get(found[-1]) if found else None
    if stored is None:
        return None, f"{gate}: no verdict"
    try:
        data = json.loads(stored.body)
        word, commit = str(data["verdict"]), str(data["commit"])
    except (ValueError, KeyError, TypeError) as error:
        return found[-1], f"{gate}: the verdict {found[-1]!r} is truncated or damaged ({type(error).__name__})"
    if commit != candidate.commit:
        return found[-1], f"{gate}: the verdict {found[-1]!r} is on commit {commit[:12]!r}"
    return found[-1], None if word == "PASS" else f"{gate}: {word}"


def _clear(clearance: Clearance, regions: Mapping[str, Bucket], signer: Signer | None) -> dict[str, ShipError]:
    """Tell every region. One that cannot be told does not keep the others from the release; none told is no clearance."""
    missing: dict[str, ShipError] = {}
    for name, bucket in regions.items():
        try:
            _write(clearance, bucket, signer)
        except InfraError as error:
            missing[name] = error
    if regions and len(missing) == len(regions):
        raise InfraError(
            f"could not clear {clearance.commit[:12]!r} for any region: {next(iter(missing.values())).message}"
        )
    return missing


def _write(clearance: Clearance, bucket: Bucket, signer: Signer | None) -> None:
    key, body = lanes.clearance(clearance.app, clearance.commit), clearance.encode()
    if not bucket.create(key, body):
        body = _earlier(clearance, bucket, key)
    if signer is not None:
        signer.place(bucket, key, body, commit=clearance.commit)
    bucket.create(lanes.cleared(clearance.app, clearance.position, clearance.commit), b"")


def _earlier(clearance: Clearance, bucket: Bucket, key: str) -> bytes:
    """Return the clearance that is there, from an earlier conclusion. Raises Refused where it is not of the same thing.

    Other verdicts may have been its evidence, an earlier one's. All else is what is run, and would be signed.
    """
    there = bucket.get(key)
    if there is None:
        raise InfraError(f"could not clear {clearance.commit[:12]!r} in bucket {bucket.name!r}: {key!r} comes and goes")
    found = Clearance.decode(there.body, app=clearance.app, commit=clearance.commit, where=key)
    if replace(found, evidence=clearance.evidence) != clearance:
        raise Refused(
            f"cannot clear {clearance.commit[:12]!r} in bucket {bucket.name!r} as slug {clearance.slug[:12]!r}: it is cleared"
            f" there as slug {found.slug[:12]!r}, or with another configuration",
            hint="ship a new commit",
        )
    return there.body
