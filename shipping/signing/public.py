"""A public key: one word that people can copy into a configuration."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Algorithm = Literal["ed25519", "ecdsa-p256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """``raw`` is the 32 bytes of an Ed25519 key, or the compressed point (33 bytes) of a key on the curve P-256."""

    algorithm: Algorithm
    raw: bytes

    def __str__(self) -> str:
        return f"{self.algorithm}:{base64.b64encode(self.raw).decode()}"

    @property
    def id(self) -> str:
        """Return a short name, by which a signature says whose it is. It is looked up, never trusted."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Raises ValueError where it is not a public key."""
        algorithm, _, encoded = text.partition(":")
        raw = base64.b64decode(encoded, validate=True)
        if algorithm == "ed25519":
            Ed25519PublicKey.from_public_bytes(raw)
            return cls(algorithm="ed25519", raw=raw)
        if algorithm == "ecdsa-p256" and len(raw) == 33:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
            return cls(algorithm="ecdsa-p256", raw=raw)
        raise ValueError(f"public key {text[:20]!r}")

    @classmethod
    def from_der(cls, der: bytes) -> PublicKey:
        """Read a SubjectPublicKeyInfo, which is what KMS gives. Raises ValueError where it is of another kind."""
        try:
            found = serialization.load_der_public_key(der)
        except UnsupportedAlgorithm as error:
            raise ValueError(f"public key: {error}") from error
        if isinstance(found, Ed25519PublicKey):
            return cls(algorithm="ed25519", raw=found.public_bytes_raw())
        if isinstance(found, ec.EllipticCurvePublicKey) and isinstance(found.curve, ec.SECP256R1):
            point = found.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
            return cls(algorithm="ecdsa-p256", raw=point)
        raise ValueError(f"public key of kind {type(found).__name__!r}")

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Tell whether this key's private half signed the message."""
        try:
            if self.algorithm == "ed25519":
                Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
            else:
                key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.raw)
                key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
