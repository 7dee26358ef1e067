"""Says, and checks, that a manifest or a clearance comes from who may make it. Verifying needs public keys only.

- `public`: a public key, as text, and what it verifies
- `trust`: which public keys are trusted for which purpose
- `private`: a private key in a file
- `signer`: signs bytes, and puts the signature beside them
- `verify`: refuses, by name, what is not signed as it must be

This room imports the standard library and `cryptography`: hosts verify with it. Keys that AWS keeps are in `shipping.aws`.
"""

from shipping.signing.public import PublicKey
from shipping.signing.signer import PrivateKey, Signer
from shipping.signing.trust import Trusted
from shipping.signing.verify import Untrusted, beside, verify

__all__ = ["PrivateKey", "PublicKey", "Signer", "Trusted", "Untrusted", "beside", "verify"]
