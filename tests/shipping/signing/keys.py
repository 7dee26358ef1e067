"""Keys of the tests: one per purpose, and who trusts them."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shipping.records.signature import PURPOSES, Purpose
from shipping.signing import Signer, Trusted
from shipping.signing.private import FileKey

APP = "inbox"


def new_key() -> FileKey:
    return FileKey(Ed25519PrivateKey.generate())


@dataclass(frozen=True, kw_only=True)
class Ring:
    """A key of each purpose."""

    keys: dict[Purpose, FileKey] = field(default_factory=lambda: {purpose: new_key() for purpose in PURPOSES})

    @property
    def trusted(self) -> Trusted:
        return Trusted(keys=tuple((purpose, key.public) for purpose, key in self.keys.items()))

    def signer(self, purpose: Purpose, *, app: str = APP) -> Signer:
        return Signer(app=app, purpose=purpose, key=self.keys[purpose])
