"""Opens a private key by its reference in the configuration: `file:PATH` or `kms:KEY`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import UsageError
from shipping.signing.private import FileKey
from shipping.signing.public import PublicKey
from shipping.signing.signer import Signer
from shipping.signing.trust import Trusted

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_gen.config import Keys
    from shipping.records.signature import Purpose
    from shipping.signing.signer import PrivateKey

    Kms = Callable[[str], "RemoteKey"]


class RemoteKey(Protocol):
    """A key of KMS, which `shipping.aws.kms.connect` opens; passed in, so that who only verifies needs no AWS."""

    def public_der(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


class KmsKey:
    """A `PrivateKey` that is asked for. Its public half is asked for once."""

    def __init__(self, name: str, remote: RemoteKey) -> None:
        self._remote = remote
        try:
            self.public = PublicKey.from_der(remote.public_der())
        except ValueError as error:
            raise UsageError(f"cannot sign with the KMS key {name!r}: {error}") from error

    def sign(self, message: bytes) -> bytes:
        return self._remote.sign(message)


def open_key(reference: str, *, kms: Kms) -> PrivateKey:
    """Open the key. Raises UsageError, Refused or InfraError, before anything is built that it would sign."""
    kind, _, where = reference.partition(":")
    if kind == "file" and where.startswith("/"):
        return FileKey.open(Path(where))
    if kind == "kms" and where:
        return KmsKey(where, kms(where))
    raise UsageError(f"cannot open the key {reference!r}: it is neither file:/PATH nor kms:KEY")


def open_signer(keys: Keys, purpose: Purpose, *, app: str, kms: Kms) -> Signer:
    """Return what signs for ``purpose``. Raises UsageError where nobody would trust it, besides what `open_key` raises."""
    name, reference = {
        "main": ("main", keys.main),
        "pr": ("pull_request", keys.pull_request),
        "clearance": ("clearance", keys.clearance),
    }[purpose]
    key = open_key(reference, kms=kms)
    if key.public not in trusted(keys).of(purpose):
        raise UsageError(
            f"cannot sign with {reference!r}: its public key is not among slug/keys/public/{name}",
            hint=f'add it there, and on hosts: "{key.public}"',
        )
    return Signer(app=app, purpose=purpose, key=key)


def trusted(keys: Keys) -> Trusted:
    """Return the public keys of the configuration."""
    of: tuple[tuple[Purpose, tuple[str, ...]], ...] = (
        ("main", keys.public.main),
        ("pr", keys.public.pull_request),
        ("clearance", keys.public.clearance),
    )
    entries = [(purpose, [purpose, key]) for purpose, found in of for key in found]
    return Trusted.parse("slug/keys/public", entries)
