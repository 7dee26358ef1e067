"""A slug's `keys`: what signs its manifests and clearances, and the public keys that hosts and people verify them with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.config import values

if TYPE_CHECKING:
    from pipeline_gen.config.section import Section

PURPOSES = ("main", "pull_request", "clearance")
# Relative paths are refused: a private key does not lie in a checkout.
_REFERENCE = re.compile(r"file:/[^\0]+|kms:[A-Za-z0-9:/_-]{1,300}")
_PUBLIC = re.compile(r"(?:ed25519|ecdsa-p256):[A-Za-z0-9+/]{40,80}={0,2}")
KEYGEN = "ship slug keygen"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeys:
    """Who is trusted for what; several keys of one purpose while one takes another's place."""

    main: tuple[str, ...]
    pull_request: tuple[str, ...]
    clearance: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Where the private keys are, `file:PATH` or `kms:KEY` each, and the public keys of each purpose."""

    main: str
    pull_request: str
    clearance: str
    public: PublicKeys


def parse_keys(section: Section | None) -> Keys | None:
    """Read `keys`: all or none of it, for what nobody signs, nobody can verify."""
    if section is None:
        return None
    found = section.section("public")
    if found is None:
        section.fault("public", None, f"the public keys of {', '.join(PURPOSES)}, as printed by: {KEYGEN}")
        public = PublicKeys(main=(), pull_request=(), clearance=())
    else:
        public = PublicKeys(
            main=found.required("main", _public_keys, ()),
            pull_request=found.required("pull_request", _public_keys, ()),
            clearance=found.required("clearance", _public_keys, ()),
        )
        found.close()
        _one_purpose_each(public, found)
    keys = Keys(
        main=section.required("main", _reference, ""),
        pull_request=section.required("pull_request", _reference, ""),
        clearance=section.required("clearance", _reference, ""),
        public=public,
    )
    section.close()
    return keys


def _one_purpose_each(public: PublicKeys, section: Section) -> None:
    """A key for two purposes would let a pull request's builder sign for main."""
    owner: dict[str, str] = {}
    for purpose in PURPOSES:
        for key in getattr(public, purpose):
            if owner.setdefault(key, purpose) != purpose:
                section.fault(purpose, key, f"a key of its own: this one is for {owner[key]!r}")


def _reference(value: object) -> str:
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return value
    raise values.Wrong(value, "file:/PATH (a private key outside of the checkout) or kms:alias/NAME")


def _public_key(value: object) -> str:
    if isinstance(value, str) and _PUBLIC.fullmatch(value):
        return value
    raise values.Wrong(value, f"a public key as printed by: {KEYGEN}")


def _public_keys(value: object) -> tuple[str, ...]:
    return values.one_or_several(_public_key)(value)
