"""A private key in a file: made once, readable by its owner only, never printed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline_gen.errors import Refused, UsageError
from shipping.signing.public import PublicKey

if TYPE_CHECKING:
    from pathlib import Path


class FileKey:
    """An Ed25519 key, in PKCS #8 as PEM: what openssl reads and writes too."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> PublicKey:
        return PublicKey(algorithm="ed25519", raw=self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    @classmethod
    def open(cls, path: Path) -> FileKey:
        """Read a key. Raises UsageError where there is none, Refused where others than its owner may read it."""
        try:
            mode = path.stat().st_mode
            body = path.read_bytes()
        except OSError as error:
            raise UsageError(
                f"cannot read the private key {str(path)!r}: {error.strerror}",
                hint=f"ship slug keygen file:{path} --for main   # makes one",
            ) from error
        if stat.S_IMODE(mode) & 0o077:
            raise Refused(
                f"cannot use the private key {str(path)!r}: its mode {stat.S_IMODE(mode):04o} lets others read it",
                hint=f"chmod 600 {path}",
            )
        try:
            key = serialization.load_pem_private_key(body, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UsageError(
                f"cannot use the private key {str(path)!r}: it is no PEM of a key without password"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UsageError(f"cannot use the private key {str(path)!r}: it is not an Ed25519 key")
        return cls(key)

    @classmethod
    def generate(cls, path: Path) -> FileKey:
        """Make a key. The file is whole or not there, and one that is there stays as it is: Refused."""
        key = Ed25519PrivateKey.generate()
        body = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            unfinished.unlink(missing_ok=True)
            _write(unfinished, body)
            # A link, not a rename: it never takes another file's place.
            os.link(unfinished, path)
        except FileExistsError as error:
            raise Refused(
                f"cannot make the private key {str(path)!r}: the file is there already",
                hint=f"ship slug keygen file:{path} --existing --for main   # prints its public key",
            ) from error
        except OSError as error:
            raise UsageError(f"cannot make the private key {str(path)!r}: {error.strerror}") from error
        finally:
            unfinished.unlink(missing_ok=True)
        return cls(key)


def _write(path: Path, body: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(body)
        stream.flush()
        os.fsync(stream.fileno())
