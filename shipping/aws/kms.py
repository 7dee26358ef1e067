"""A key that AWS keeps: it signs there, and only its public half comes here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from pipeline_gen.errors import InfraError, ShipError, UsageError
from shipping.aws.environment import given

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONNECT_SECONDS = 3
SILENCE_SECONDS = 10
# Signing twice does no harm: the SDK may ask again.
TRIES = 4
# The one kind of key that KMS and those who emulate it both have, and that is small.
ALGORITHM = "ECDSA_SHA_256"
SPEC = "ECC_NIST_P256"

_DENIED = ("AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException")
_WRONG = ("NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException")
_WRONG_TOO = ("ValidationException", "InvalidArnException")


class Client(Protocol):
    """The SDK's client, as far as it is used here."""

    def get_public_key(self, **given: str) -> Mapping[str, Any]: ...

    def sign(self, **given: str | bytes) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """``name`` is an alias, an id or an ARN. Every method raises InfraError where AWS did not answer, or refused us."""

    name: str
    client: Client

    def public_der(self) -> bytes:
        """Return the public half as a SubjectPublicKeyInfo. Raises UsageError where the key is of another kind."""
        found = self._ask("read", lambda: self.client.get_public_key(KeyId=self.name))
        if ALGORITHM not in found.get("SigningAlgorithms", ()):
            raise UsageError(
                f"cannot sign with the KMS key {self.name!r}: it is of the kind {found.get('KeySpec', 'unknown')!r}",
                hint=f"aws kms create-key --key-spec {SPEC} --key-usage SIGN_VERIFY",
            )
        return cast("bytes", found["PublicKey"])

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message of at most 4096 bytes: ECDSA over its SHA-256, DER encoded."""
        # RAW: KMS hashes. Given a digest, emulators hash it once more.
        asked = {"KeyId": self.name, "MessageType": "RAW", "SigningAlgorithm": ALGORITHM}
        return cast("bytes", self._ask("sign with", lambda: self.client.sign(Message=message, **asked))["Signature"])

    def _ask(self, action: str, ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask()
        except ClientError as error:
            raise _failure(action, self.name, str(error.response.get("Error", {}).get("Code", "unknown"))) from error
        except BotoCoreError as error:
            raise InfraError(
                f"could not {action} the KMS key {self.name!r}: {error}",
                hint="aws sts get-caller-identity   # AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL_KMS are read",
            ) from error


def connect(name: str, *, environment: Mapping[str, str] | None = None) -> Key:
    """Open a key; nothing is asked yet. ``environment`` holds AWS_* variables to use instead of the process's own.

    Raises InfraError where the machine's AWS configuration cannot be used.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(  # type: ignore[no-untyped-call]
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENCE_SECONDS,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        user_agent_extra="buildkite-ship",
    )
    try:
        client = boto3.session.Session().client("kms", config=config, **given("kms", environment))  # type: ignore[no-untyped-call]
    except (BotoCoreError, ValueError) as error:
        raise InfraError(
            f"could not open the KMS key {name!r}: {error}",
            hint="aws configure   # or give the agent a role; AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL_KMS are read",
        ) from error
    return Key(name=name, client=cast("Client", client))


def _failure(action: str, name: str, code: str) -> ShipError:
    if code in _DENIED:
        return InfraError(
            f"cannot {action} the KMS key {name!r}: the credentials were refused ({code})",
            hint="aws sts get-caller-identity   # the role needs kms:Sign and kms:GetPublicKey on this key",
        )
    if code in (*_WRONG, *_WRONG_TOO):
        return UsageError(
            f"cannot {action} the KMS key {name!r}: {code}",
            hint=f"aws kms describe-key --key-id {name}   # in this region",
        )
    return InfraError(f"could not {action} the KMS key {name!r}: {code}")
