"""What signatures cost: signing and verifying a manifest, beside what reading that manifest costs anyway.

`python -m tests.bench.signing [--repeat N]`. No network: KMS adds its round trip to signing, a host one GET to verifying.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shipping.signing import PublicKey, Signer, Trusted, verify
from shipping.slug.manifest import Layer, Manifest
from tests.shipping.signing.keys import APP, new_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.signing import PrivateKey


class CurveKey:
    """The kind of key that KMS keeps, here without the way to it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public = PublicKey.from_der(self._key.public_key().public_bytes(serialization.Encoding.DER, spki))

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=2000)
    repeat = parser.parse_args().repeat
    layers = tuple(
        Layer(name=f"l{n}", domain="main", digest=hashlib.sha256(b"%d" % n).hexdigest(), size=1, files=1)
        for n in range(4)
    )
    manifest = Manifest(app=APP, domain="main", commit="a" * 40, layers=layers)
    body = manifest.encode()
    rows = {f"read a manifest of {len(body)} bytes, signed or not": timed(lambda: read(manifest, body), repeat)}
    kinds: dict[str, PrivateKey] = {
        "file (Ed25519)": new_key(),
        "as KMS (ECDSA P-256), without its round trip": CurveKey(),
    }
    for name, key in kinds.items():
        signer = Signer(app=APP, purpose="main", key=key)
        signed = signer.sign(body, commit="a" * 40).encode()
        trusted = Trusted(keys=(("main", key.public),))
        rows[f"sign, key {name}"] = timed(partial(signer.sign, body, commit="a" * 40), repeat)
        rows[f"verify, key {name}"] = timed(partial(check, body, signed, trusted), repeat)
    bare = loading("json")
    rows["load what verifies, in a new process"] = loading("shipping.signing") - bare
    rows["load boto3, which a host needs anyway"] = loading("boto3") - bare
    for name, seconds in rows.items():
        print(f"| {name} | {seconds * 1000:.3f} |")


def read(manifest: Manifest, body: bytes) -> None:
    Manifest.decode(body, app=APP, slug=manifest.slug, where="the bench")


def check(body: bytes, signed: bytes, trusted: Trusted) -> None:
    verify(body, signed, trusted=trusted, app=APP, purposes=("main",), what="it")


def timed(act: Callable[[], object], repeat: int) -> float:
    """Return the median of so many runs."""
    spent = []
    for _ in range(repeat):
        begun = time.perf_counter()
        act()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def loading(module: str) -> float:
    """Return how long a process takes that only imports a module."""
    return timed(lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True), 7)


if __name__ == "__main__":
    main()
